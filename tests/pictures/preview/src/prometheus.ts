// The data source: what Grafana's own plugin for Prometheus asks and makes of the answer.
import { Observable, from } from 'rxjs';
import {
  DataFrame, DataQueryRequest, DataQueryResponse, FieldType, LoadingState, MetricFindValue,
  TestDataSourceResponse, toDataFrame,
} from '@grafana/data';
import { RuntimeDataSource } from '@grafana/scenes';
import { interpolate } from './variables';
import { log } from './log';

export const UID = 'prom-local';
const API = '/prom/api/v1/';
const LEAST_S = 15; // the interval of scraping, as the data source says it

interface Series { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] }

let asking = 0;
export const busy = () => asking;

export class Prometheus extends RuntimeDataSource<any> {
  query(request: DataQueryRequest<any>): Observable<DataQueryResponse> {
    asking += 1;
    return from(this.answer(request).finally(() => { asking -= 1; }));
  }

  private async answer(request: DataQueryRequest<any>): Promise<DataQueryResponse> {
    const data: DataFrame[] = [];
    for (const target of request.targets) {
      const { frames, error } = await ask(target, request);
      data.push(...frames);
      if (error) {
        log('FAIL', target.expr, error);
        return { data, state: LoadingState.Error, errors: [{ message: error, refId: target.refId }] };
      }
    }
    return { data, state: LoadingState.Done, key: request.requestId };
  }

  async metricFindQuery(query: any): Promise<MetricFindValue[]> {
    const text = interpolate(typeof query === 'string' ? query : query.query);
    const found = /^label_values\((?:(.*),\s*)?([a-zA-Z_]\w*)\)$/.exec(text);
    if (!found) return [];
    const [, series, label] = found;
    const match = series ? `?match[]=${encodeURIComponent(series)}` : '';
    const answer = await (await fetch(`${API}label/${label}/values${match}`)).json();
    return answer.data.map((value: string) => ({ text: value, value }));
  }

  testDatasource(): Promise<TestDataSourceResponse> {
    return Promise.resolve({ status: 'success', message: '' });
  }
}

async function ask(target: any, request: DataQueryRequest<any>) {
  const [start, end] = [request.range.from, request.range.to].map((time) => time.valueOf() / 1000);
  const step = Math.max(LEAST_S, Math.ceil((request.intervalMs || 0) / 1000));
  const seconds = (n: number) => ({ text: '', value: `${Math.round(n)}s` });
  const expr = interpolate(target.expr, {
    ...request.scopedVars,
    __interval: seconds(step),
    __range: seconds(end - start),
    __rate_interval: seconds(Math.max(step + LEAST_S, 4 * LEAST_S)),
  });
  const query = encodeURIComponent(expr);
  const path = target.instant
    ? `query?query=${query}&time=${end}`
    : `query_range?query=${query}&start=${start}&end=${end}&step=${step}`;
  const answer = await (await fetch(API + path)).json();
  if (answer.status !== 'success') return { frames: [], error: `${answer.error}` };
  const found: Series[] = answer.data.result;
  if (target.format === 'table') return { frames: found.length ? [table(target, found)] : [] };
  return { frames: found.map((series) => line(target, series, step)) };
}

function line(target: any, { metric, values, value }: Series, step: number): DataFrame {
  const points = values ?? [value!];
  const name = legend(target.legendFormat, metric);
  return toDataFrame({
    refId: target.refId,
    name,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000), config: { interval: step * 1000 } },
      { name: 'Value', type: FieldType.number, values: points.map(([, text]) => Number(text)), labels: metric, config: { displayNameFromDS: name } },
    ],
  });
}

function table(target: any, found: Series[]): DataFrame {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: found.map(({ value }) => value![0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: found.map(({ metric }) => metric[label] ?? '') })),
      { name: target.many ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: found.map(({ value }) => Number(value![1])) },
    ],
  });
}

function legend(format: string | undefined, metric: Record<string, string>): string {
  if (!format || format === '__auto') {
    return Object.entries(metric).map(([name, value]) => `${name}="${value}"`).join(', ');
  }
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
}
