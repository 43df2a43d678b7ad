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

interface Histogram { buckets?: [number, string, string, string][] }
interface Series {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
  histograms?: [number, Histogram][];
}

let asking = 0;
export const busy = () => asking;

export class Prometheus extends RuntimeDataSource<any> {
  query(request: DataQueryRequest<any>): Observable<DataQueryResponse> {
    asking += 1;
    return from(this.answer(request).finally(() => { asking -= 1; }));
  }

  private async answer(request: DataQueryRequest<any>): Promise<DataQueryResponse> {
    const data: DataFrame[] = [];
    const annotations: DataFrame[] = [];
    for (const target of request.targets) {
      const { frames, error } = await ask(target, request);
      data.push(...frames);
      if (error) {
        log('FAIL', target.expr, error);
        return { data, state: LoadingState.Error, errors: [{ message: error, refId: target.refId }] };
      }
      if (target.exemplar) annotations.push(await exemplars(target, request));
    }
    return { data, annotations, state: LoadingState.Done, key: request.requestId } as DataQueryResponse;
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
  return { frames: found.flatMap((series) => (series.histograms ? classic(target, series, step) : line(target, series, step))) };
}

// The buckets of native histograms, counted up to each edge as classic ones are.
function classic(target: any, { histograms = [] }: Series, step: number): DataFrame[] {
  const buckets = histograms.flatMap(([, { buckets = [] }]) => buckets);
  const edges = [...new Set(buckets.map(([, , upper]) => upper))].sort((one, other) => Number(one) - Number(other));
  return edges.map((le) => {
    const values = histograms.map(([time, { buckets = [] }]): [number, string] => [time, `${buckets
      .filter(([, , upper]) => Number(upper) <= Number(le))
      .reduce((sum, [, , , count]) => sum + Number(count), 0)}`]);
    return line({ ...target, legendFormat: '{{le}}' }, { metric: { le }, values }, step);
  });
}

// Points that are traces: when, and how long it took.
async function exemplars(target: any, request: DataQueryRequest<any>): Promise<DataFrame> {
  const [start, end] = [request.range.from, request.range.to].map((time) => time.valueOf() / 1000);
  const query = encodeURIComponent(interpolate(target.expr, request.scopedVars));
  const answer = await (await fetch(`${API}query_exemplars?query=${query}&start=${start}&end=${end}`)).json();
  const found = answer.data.flatMap(({ exemplars }: any) => exemplars);
  return toDataFrame({
    name: 'exemplar',
    meta: { custom: { resultType: 'exemplar' } },
    fields: [
      { name: 'Time', type: FieldType.time, values: found.map(({ timestamp }: any) => timestamp * 1000) },
      { name: 'Value', type: FieldType.number, values: found.map(({ value }: any) => Number(value)) },
    ],
  });
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
