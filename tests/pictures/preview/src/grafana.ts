// What Grafana itself does for its panels: the services that its libraries ask for.
import { Observable, of } from 'rxjs';
import * as G from '@grafana/data';
import * as R from '@grafana/runtime';
import * as I18N from '@grafana/i18n';
import { registerRuntimeDataSource } from '@grafana/scenes';
import { standardOptions } from './fields';
import { Prometheus, UID } from './prometheus';
import { interpolate } from './variables';
import { THEME } from './theme';

const SOURCE = { uid: UID, name: UID, type: 'prometheus', meta: { id: 'prometheus' } };

function run(source: any, request: any) {
  const timeRange = request.range;
  return new Observable((reader) => {
    const running = source.query(request).subscribe({
      next: ({ state, data, annotations, errors }: any) => reader.next({
        state: state ?? G.LoadingState.Done,
        series: (data ?? []).map(G.toDataFrame),
        annotations: (annotations ?? []).map(G.toDataFrame),
        errors, error: errors?.[0], timeRange, request,
      }),
      error: (error: unknown) => reader.next({
        state: G.LoadingState.Error, series: [], error: { message: String(error) }, timeRange,
      }),
      complete: () => reader.complete(),
    });
    return () => running.unsubscribe();
  });
}

const SERVICES: Record<string, any> = {
  setRunRequest: run,
  setDataSourceSrv: {
    get: async () => { throw new Error('no other data source'); },
    getInstanceSettings: () => SOURCE, getList: () => [SOURCE], reload() {},
  },
  setTemplateSrv: { replace: interpolate, getVariables: () => [], containsTemplate: () => false, updateTimeRange() {} },
  setBackendSrv: {
    get: async () => ({}), post: async () => ({}),
    fetch: () => of({ data: {} }), datasourceRequest: async () => ({}),
  },
  setPluginImportUtils: {
    importPanelPlugin: async (id: string) => { throw new Error(`panel ${id} is not drawn here`); },
    getPanelPluginFromCache: () => undefined,
  },
  setReturnToPrevious: () => {},
  setLocationSrv: { update() {} },
  setEchoSrv: { addEvent() {}, addBackend() {}, flush() {} },
  setPluginLinksHook: () => ({ links: [], isLoading: false }),
  setPluginComponentsHook: () => ({ components: [], isLoading: false }),
  setPluginFunctionsHook: () => ({ functions: [], isLoading: false }),
};

function transformers() {
  const known = [...new Set(Object.values(G.standardTransformers as Record<string, any>))];
  return known.map((each) => ({
    id: each.id, name: each.name, transformation: async () => each, editor: () => null, imageDark: '', imageLight: '',
  }));
}

export async function standIn() {
  await (I18N as any).initPluginTranslations?.('pictures', []);
  const { standardEditorsRegistry, standardFieldConfigEditorRegistry, standardTransformersRegistry } = G as any;
  standardEditorsRegistry.setInit(() => []);
  standardFieldConfigEditorRegistry.setInit(standardOptions);
  standardTransformersRegistry.setInit(transformers);
  for (const [name, service] of Object.entries(SERVICES)) (R as any)[name]?.(service);
  (R as any).setAppEvents?.(new (G as any).EventBusSrv());
  Object.assign((R as any).config, {
    theme2: THEME, panels: {}, featureToggles: {}, buildInfo: { version: '13.2.2' },
  });
  registerRuntimeDataSource({ dataSource: new Prometheus('prometheus', UID) });
}
