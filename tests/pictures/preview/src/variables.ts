// The variables of the dashboard: chosen from what the data source has, filled into queries.
import {
  ConstantVariable, CustomVariable, EmbeddedScene, QueryVariable, sceneGraph,
} from '@grafana/scenes';
import { UID } from './prometheus';

let scene: EmbeddedScene | undefined;
export const belongTo = (made: EmbeddedScene) => { scene = made; };

export function interpolate(text: string, more?: any, format: any = 'regex'): string {
  return scene ? sceneGraph.interpolate(scene, text, more, format) : text;
}

export function variable({ name, label, type, query, includeAll, allValue, multi }: any) {
  if (type === 'query') {
    return new QueryVariable({
      name, label, query, includeAll, allValue, isMulti: multi, defaultToAll: includeAll, refresh: 2,
      datasource: { uid: UID, type: 'prometheus' },
    } as any);
  }
  if (type === 'custom') return new CustomVariable({ name, label, query, isMulti: multi, includeAll } as any);
  const value = type === 'datasource' ? UID : (query ?? '');
  return new ConstantVariable({ name, value, hide: 2 as any });
}
