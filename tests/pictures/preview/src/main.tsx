import React from 'react';
import { createRoot } from 'react-dom/client';
import { Observable, from, of } from 'rxjs';
import { MemoryRouter } from 'react-router-dom';
import {
  PanelPlugin, createTheme, DataFrame, FieldType, LoadingState, PanelProps, DataQueryRequest, DataQueryResponse,
  getFieldDisplayValues, FieldConfigProperty, standardEditorsRegistry, standardFieldConfigEditorRegistry,
  TestDataSourceResponse, ThemeContext, toDataFrame, standardTransformersRegistry, getDisplayProcessor, setWeekStart, monacoLanguageRegistry, locationUtil, GrafanaTheme2, MetricFindValue,
} from '@grafana/data';
import * as G from '@grafana/data';
import * as R from '@grafana/runtime';
import * as UI from '@grafana/ui';
import {
  EmbeddedScene, SceneGridLayout, SceneGridItem, SceneGridRow, VizPanel, SceneQueryRunner, SceneTimeRange, SceneVariableSet,
  QueryVariable, CustomVariable, ConstantVariable, DataSourceVariable, VariableValueSelectors, SceneTimePicker, SceneRefreshPicker, SceneControlsSpacer,
  registerRuntimePanelPlugin, registerRuntimeDataSource, RuntimeDataSource, sceneGraph,
} from '@grafana/scenes';
import * as I18N from '@grafana/i18n';

// What to draw is said in the address.
const ASKED = new URLSearchParams(location.search);
const MODE = (ASKED.get('theme') ?? 'dark') as 'dark' | 'light';
const log = (...a: any[]) => { (window as any).__log = [...((window as any).__log || []), a.map(String).join(' ')]; console.log(...a); };
window.addEventListener('error', (e) => log('ERROR', e.message, e.error?.stack?.slice(0, 400)));
window.addEventListener('unhandledrejection', (e: any) => log('REJ', e.reason?.message, e.reason?.stack?.slice(0, 400)));

let busy = 0;
(window as any).__busy = () => busy;
// ---- Prometheus HTTP API as a runtime data source -------------------------------------------------
const BASE = '/prom/api/v1/';
class PromDS extends RuntimeDataSource<any> {
  query(req: DataQueryRequest<any>): Observable<DataQueryResponse> {
    busy += 1;
    return from(this.run(req).finally(() => { busy -= 1; }));
  }
  async run(req: DataQueryRequest<any>): Promise<DataQueryResponse> {
    const start = req.range.from.valueOf() / 1000, end = req.range.to.valueOf() / 1000;
    const step = Math.max(1, Math.ceil((req.intervalMs || 15000) / 1000));
    const frames: DataFrame[] = []; const errors: any[] = [];
    for (const t of req.targets) {
      const rate = Math.max(step + 5, 60);
      let expr = (R.getTemplateSrv() as any).replace(t.expr, { ...req.scopedVars, __rate_interval: { value: rate + 's', text: '' }, __interval: { value: step + 's', text: '' }, __range: { value: Math.round(end - start) + 's', text: '' } }, 'regex');
      const u = t.instant ? `query?query=${encodeURIComponent(expr)}&time=${end}` : `query_range?query=${encodeURIComponent(expr)}&start=${start}&end=${end}&step=${step}`;
      const r = await (await fetch(BASE + u)).json();
      log('QUERY', expr, r.status, r.data?.result?.length ?? r.error);
      if (r.status !== 'success') { errors.push({ message: r.error, refId: t.refId }); continue; }
      for (const s of r.data.result) {
        const pts = s.values ?? [s.value];
        const legend = (t.legendFormat && t.legendFormat !== '__auto') ? t.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_: any, k: string) => s.metric[k] ?? '') : Object.entries(s.metric).map(([k, v]) => `${k}="${v}"`).join(', ');
        frames.push(toDataFrame({ refId: t.refId, name: legend, fields: [
          { name: 'Time', type: FieldType.time, values: pts.map((p: any) => p[0] * 1000), config: { interval: step * 1000 } },
          { name: 'Value', type: FieldType.number, values: pts.map((p: any) => Number(p[1])), labels: s.metric, config: { displayNameFromDS: legend } },
        ] }));
      }
    }
    return { data: frames, state: errors.length ? LoadingState.Error : LoadingState.Done, error: errors[0] , key: req.requestId};
  }
  async metricFindQuery(q: any, o: any): Promise<MetricFindValue[]> {
    const text = ((window as any).__interp ?? ((x: string) => x))(typeof q === 'string' ? q : q.query, undefined, 'regex');
    const m = /^label_values\((?:(.*),\s*)?([a-zA-Z_]\w*)\)$/.exec(text);
    if (!m) return [];
    const r = await (await fetch(`${BASE}label/${m[2]}/values${m[1] ? '?match[]=' + encodeURIComponent(m[1]) : ''}`)).json();
    log('VAR', text, JSON.stringify(r.data));
    return r.data.map((x: string) => ({ text: x, value: x }));
  }
  testDatasource(): Promise<TestDataSourceResponse> { return Promise.resolve({ status: 'success', message: 'ok' }); }
}

// ---- minimal panel plugins on @grafana/ui ----------------------------------------------------------
function TimeSeriesPanel(props: PanelProps<any>) {
  const { data, timeRange, timeZone, width, height, options } = props;
  const frames = React.useMemo(() => (data.series || []).map((f) => ({ ...f, fields: f.fields.map((x) => x.type === FieldType.number ? { ...x, display: x.display ?? getDisplayProcessor({ field: x, theme: createTheme({ colors: { mode: MODE } }) }) } : x) })), [data.series]);
  if (!frames.length) return <div style={{padding:16,opacity:.7}}>{(props.fieldConfig.defaults as any).noValue ?? 'No data'}</div>;
  return (UI as any).TimeSeries ? React.createElement((UI as any).TimeSeries, { frames, structureRev: (data as any).structureRev, timeRange, timeZone, width, height, legend: options.legend ?? { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] }, options }) : <div>no TimeSeries export</div>;
}
function StatPanel(props: PanelProps<any>) {
  const { data, fieldConfig, replaceVariables, width, height, timeZone, options } = props;
  const theme = UI.useTheme2();
  const values = getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'], values: false }, replaceVariables, theme, data: data.series, sparkline: options.graphMode === 'area', timeZone } as any);
  if (!data.series.length) return <div style={{padding:8,opacity:.7}}>{(fieldConfig.defaults as any).noValue ?? 'No data'}</div>;
  const w = width / Math.max(1, values.length);
  return <div style={{ display: 'flex' }}>{values.map((v, i) => <UI.BigValue key={i} width={w} height={height} value={v.display} theme={theme} colorMode={(options.colorMode ?? 'value') as any} sparkline={v.sparkline} graphMode={(options.graphMode ?? 'none') as any} textMode={'auto' as any} />)}</div>;
}
function BarsPanel(props: PanelProps<any>) {
  const { data, fieldConfig, replaceVariables, width, height, timeZone, options } = props;
  const theme = UI.useTheme2();
  const values = getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'], values: false }, replaceVariables, theme, data: data.series, sparkline: false, timeZone } as any);
  if (!data.series.length) return <div style={{padding:16,opacity:.7}}>{fieldConfig.defaults.noValue ?? 'No data'}</div>;
  const h = Math.min(40, height / Math.max(1, values.length));
  return <div>{values.map((v, i) => <div key={i} style={{height: h}}><UI.BarGauge value={v.display as any} field={v.field as any} display={v.view?.getFieldDisplayProcessor(v.colIndex as any) as any} width={width} height={h - 4} theme={theme} orientation={'horizontal' as any} displayMode={'basic' as any} itemSpacing={4} /></div>)}</div>;
}
function TablePanel(props: PanelProps<any>) {
  const { data, fieldConfig, width, height, options } = props;
  const theme = UI.useTheme2();
  const rows = new Map<string, any>(); const cols: string[] = []; const labs: string[] = [];
  const ids = [...new Set((data.series||[]).map((f:any)=>f.refId))];
  const ren = (window as any).__renames?.[props.title] ?? {};
  for (const f of data.series || []) { const num = f.fields.find((x: any) => x.type === FieldType.number); if (!num) continue; const key = JSON.stringify(num.labels ?? {}); const name = ren['Value #' + f.refId] ?? ren['Value'] ?? f.refId; if (!cols.includes(name)) cols.push(name); for (const l of Object.keys(num.labels ?? {})) if (!labs.includes(l) && l !== '__name__') labs.push(l); const row = rows.get(key) ?? { labels: num.labels ?? {}, v: {} }; row.v[name] = num.display ? G.formattedValueToString(num.display(num.values[num.values.length-1])) : num.values[num.values.length-1]; rows.set(key, row); }
  if (!rows.size) return <div style={{padding:16,opacity:.7}}>{fieldConfig.defaults.noValue ?? 'No data'}</div>;
  return <div style={{overflow:'auto',height,width,fontSize:12}}><table style={{width:'100%',borderCollapse:'collapse'}}><thead><tr>{[...labs,...cols].map(c => <th key={c} style={{textAlign: labs.includes(c)?'left':'right',padding:'3px 8px',color:theme.colors.text.secondary}}>{c}</th>)}</tr></thead><tbody>{[...rows.values()].map((r:any,i:number)=><tr key={i} style={{borderTop:`1px solid ${theme.colors.border.weak}`}}>{labs.map(l=><td key={l} style={{padding:'3px 8px'}}>{r.labels[l]}</td>)}{cols.map(c=><td key={c} style={{padding:'3px 8px',textAlign:'right'}}>{r.v[c]??''}</td>)}</tr>)}</tbody></table></div>;
}
function HeatPanel(props: PanelProps<any>) {
  const { data, width, height, fieldConfig } = props; const theme = UI.useTheme2();
  const fr = (data.series||[]).map((f:any)=>({le: Number(f.name==='+Inf'?Infinity:f.name), v: f.fields.find((x:any)=>x.type===FieldType.number).values, t: f.fields[0].values})).sort((a:any,b:any)=>a.le-b.le);
  if (!fr.length) return <div style={{padding:16,opacity:.7}}>{fieldConfig.defaults.noValue ?? 'No data'}</div>;
  const n = Math.max(...fr.map((f:any)=>f.v.length)); const cells:any[]=[]; let max=0; const grid = fr.map((f:any,i:number)=>Array.from({length:n},(_,k)=>{const x=Math.max(0,(f.v[k]??0)-(i?fr[i-1].v[k]??0:0)); max=Math.max(max,x); return x;}));
  const w=(width-50)/n, h=(height-20)/fr.length; grid.forEach((r:any,i:number)=>r.forEach((x:number,k:number)=>{ if(x>0) cells.push(<rect key={i+'-'+k} x={50+k*w} y={height-20-(i+1)*h} width={w+.5} height={h-1} fill={`rgba(110,159,255,${0.15+0.85*x/max})`}/>);}));
  return <svg width={width} height={height}>{cells}{fr.map((f:any,i:number)=><text key={i} x={44} y={height-20-i*h-2} fontSize={10} textAnchor='end' fill={theme.colors.text.secondary}>{f.le===Infinity?'+Inf':f.le}</text>)}</svg>;
}
const bars = new PanelPlugin<any>(BarsPanel).useFieldConfig({ standardOptions: { [FieldConfigProperty.Color]: { defaultValue: { mode: 'thresholds' } } } } as any);
const tbl = new PanelPlugin<any>(TablePanel).useFieldConfig({} as any);
const heat = new PanelPlugin<any>(HeatPanel).useFieldConfig({} as any);
const ts = new PanelPlugin<any>(TimeSeriesPanel).useFieldConfig({ useCustomConfig: (b: any) => {
  b.addCustomEditor; for (const [path, def] of [['drawStyle','line'],['lineWidth',1],['fillOpacity',0],['lineInterpolation','linear'],['showPoints','auto'],['pointSize',5],['spanNulls',false],['axisPlacement','auto'],['gradientMode','none'],['stacking',{mode:'none',group:'A'}],['hideFrom',{viz:false,legend:false,tooltip:false}],['scaleDistribution',{type:'linear'}],['thresholdsStyle',{mode:'off'}]] as any) b.addCustomEditor({ id: path, path, name: path, defaultValue: def, editor: () => null, override: () => null, process: (v: any) => v, shouldApply: () => true });
} } as any);
const stat = new PanelPlugin<any>(StatPanel).useFieldConfig({ standardOptions: { [FieldConfigProperty.Color]: { defaultValue: { mode: 'thresholds' } } } } as any);

async function main() {
  log('i18n exports', Object.keys(I18N)); try { await (I18N as any).initPluginTranslations?.('harness', []); } catch (e) { log('i18n', e); }
  const any = R as any;
  const tryset = (n: string, v: any) => { try { any[n]?.(v); log('set', n, !!any[n]); } catch (e) { log('FAIL', n, e); } };
  const D = G as any;
  try { D.standardEditorsRegistry.setInit(() => []); D.standardFieldConfigEditorRegistry.setInit(STD); D.standardTransformersRegistry.setInit(() => []); } catch (e) { log('registry', e); }
  registerRuntimeDataSource({ dataSource: new PromDS('prometheus', 'prom-local') });
  registerRuntimePanelPlugin({ pluginId: 'timeseries', plugin: ts as any });
  registerRuntimePanelPlugin({ pluginId: 'stat', plugin: stat as any });
  registerRuntimePanelPlugin({ pluginId: 'bargauge', plugin: bars as any }); registerRuntimePanelPlugin({ pluginId: 'table', plugin: tbl as any }); registerRuntimePanelPlugin({ pluginId: 'heatmap', plugin: heat as any });
  tryset('setRunRequest', (ds: any, req: any) => new Observable((s) => { const sub = ds.query(req).subscribe({ next: (r: any) => s.next({ state: r.state ?? LoadingState.Done, series: (r.data || []).map(toDataFrame), error: r.error, errors: r.error ? [r.error] : undefined, timeRange: req.range, request: req }), error: (e: any) => s.next({ state: LoadingState.Error, series: [], error: { message: String(e) }, timeRange: req.range }), complete: () => s.complete() }); return () => sub.unsubscribe(); }));
  tryset('setDataSourceSrv', { get: async () => { throw new Error('no ds'); }, getInstanceSettings: () => ({ uid: 'prom-local', name: 'prom-local', type: 'prometheus', meta: {} }), getList: () => [{ uid: 'prom-local', name: 'prom-local', type: 'prometheus', meta: { id: 'prometheus' } }], reload() {} });
  tryset('setTemplateSrv', { replace: (s: string, sv: any, fmt: any) => ((window as any).__interp ?? ((x: string) => x))(s, sv, fmt), getVariables: () => [], containsTemplate: () => false, updateTimeRange() {} });
  tryset('setBackendSrv', { get: async (u: string) => { log('backend GET', u); return {}; }, post: async () => ({}), fetch: (o: any) => { log('backend fetch', o.url); return of({ data: {} }); }, datasourceRequest: async () => ({}) });
  tryset('setAppEvents', new (D.EventBusSrv)());
  tryset('setPluginImportUtils', { importPanelPlugin: async (id: string) => { log('IMPORT', id); throw new Error('panel ' + id); }, getPanelPluginFromCache: () => undefined });
  tryset('setReturnToPrevious', () => {}); tryset('setLocationSrv', { update() {} }); tryset('setEchoSrv', { addEvent() {}, addBackend() {}, flush() {} });
  tryset('setPluginLinksHook', () => ({ links: [], isLoading: false })); tryset('setPluginComponentsHook', () => ({ components: [], isLoading: false }));
  tryset('setPluginFunctionsHook', () => ({ functions: [], isLoading: false }));
  const cfg = (R as any).config; if (cfg) { cfg.theme2 = createTheme({ colors: { mode: MODE } }); cfg.panels = cfg.panels ?? {}; cfg.buildInfo = { ...(cfg.buildInfo || {}), version: '13.2.2' }; cfg.featureToggles = cfg.featureToggles ?? {}; }
  const uid = ASKED.get('uid'); const dash = await (await fetch('/boards/' + uid + '.json')).json(); (window as any).__renames = {}; for (const p of dash.panels) { const t = (p.transformations ?? []).find((x:any)=>x.id==='organize'); if (t) (window as any).__renames[p.title] = t.options.renameByName; }
  const byVar = (v: any) => v.type === 'query' ? new QueryVariable({ name: v.name, label: v.label, query: typeof v.query === 'string' ? v.query : v.query, datasource: { uid: 'prom-local', type: 'prometheus' }, includeAll: v.includeAll, allValue: v.allValue, isMulti: v.multi, defaultToAll: v.includeAll, refresh: 2 } as any)
    : v.type === 'custom' ? new CustomVariable({ name: v.name, label: v.label, query: v.query, isMulti: v.multi, includeAll: v.includeAll } as any)
    : v.type === 'datasource' ? new ConstantVariable({ name: v.name, value: 'prom-local', hide: 2 as any })
    : new ConstantVariable({ name: v.name, value: v.query ?? '', hide: 2 as any });
  const item = (p: any) => new SceneGridItem({ x: p.gridPos.x, y: p.gridPos.y, width: p.gridPos.w, height: p.gridPos.h, body: new VizPanel({ title: p.title, description: p.description, pluginId: p.type, options: p.options ?? {}, fieldConfig: { defaults: fixT(p.fieldConfig?.defaults ?? {}), overrides: p.fieldConfig?.overrides ?? [] }, $data: new SceneQueryRunner({ datasource: { uid: 'prom-local', type: 'prometheus' }, queries: (p.targets ?? []).map((t: any) => ({ ...t, datasource: { uid: 'prom-local', type: 'prometheus' } })), maxDataPoints: 300 }) }) });
  const children: any[] = []; for (const p of dash.panels) { if (p.type === 'row') children.push(new SceneGridRow({ title: p.title, y: p.gridPos.y, isCollapsed: false, children: [] })); else children.push(item(p)); }
  const scene = new EmbeddedScene({ $timeRange: new SceneTimeRange({ from: `now-${ASKED.get('minutes') ?? '15'}m`, to: 'now' }), $variables: new SceneVariableSet({ variables: (dash.templating?.list ?? []).map(byVar) }), controls: [new VariableValueSelectors({}), new SceneControlsSpacer(), new SceneTimePicker({}), new SceneRefreshPicker({})], body: new SceneGridLayout({ children }) });
  (window as any).__interp = (s: string, sv: any, fmt: any) => sceneGraph.interpolate(scene, s, sv, fmt);
  (window as any).__scene = scene;
  const theme = createTheme({ colors: { mode: MODE } });
  createRoot(document.getElementById('root')!).render(<ThemeContext.Provider value={theme}><MemoryRouter><div style={{ background: theme.colors.background.canvas, color: theme.colors.text.primary, height: '100%', padding: 8 }}><scene.Component model={scene} /></div></MemoryRouter></ThemeContext.Provider>);
  log('RENDERED');
}
const mk = (id: string, path: string, process: any, def?: any) => ({ id, path, name: id, category: ['Standard options'], editor: () => null, override: () => null, process, settings: {}, defaultValue: def, shouldApply: () => true });
const STD = () => { const D = G as any; const I = D.identityOverrideProcessor; return [
  mk('unit', 'unit', D.unitOverrideProcessor), mk('min', 'min', D.numberOverrideProcessor), mk('max', 'max', D.numberOverrideProcessor), mk('decimals', 'decimals', D.numberOverrideProcessor),
  mk('fieldMinMax', 'fieldMinMax', D.booleanOverrideProcessor ?? I), mk('displayName', 'displayName', D.displayNameOverrideProcessor), mk('noValue', 'noValue', D.displayNameOverrideProcessor), mk('color', 'color', I, { mode: 'palette-classic' }), mk('thresholds', 'thresholds', D.thresholdsOverrideProcessor, { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] }),
  mk('mappings', 'mappings', D.valueMappingsOverrideProcessor, []), mk('links', 'links', D.dataLinksOverrideProcessor), mk('filterable', 'filterable', D.booleanOverrideProcessor ?? I) ]; };
main().catch((e) => log('MAIN FAIL', e?.message, e?.stack));
function fixT(d: any) { const c = structuredClone(d); for (const s of c.thresholds?.steps ?? []) if (s.value === null || s.value === undefined) s.value = -Infinity; return c; }
