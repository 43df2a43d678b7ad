// Grafana's own heat map is no part of its libraries: cells of classic buckets, drawn plainly.
import React from 'react';
import { FieldType, PanelPlugin, PanelProps, getValueFormat, formattedValueToString } from '@grafana/data';
import { THEME } from '../theme';
import { Empty } from './empty';

const LEFT = 56, BELOW = 22;

function edge(le: number, unit: string): string {
  return le === Infinity ? 'more' : formattedValueToString(getValueFormat(unit)(le));
}

// Where the points are that lead to traces: by when they were, and in which row.
function points(data: any, times: number[], edges: number[]): [number, number][] {
  const [when, took] = data.annotations?.find((frame: any) => frame.name === 'exemplar')?.fields ?? [];
  const step = times.length > 1 ? times[1] - times[0] : 1;
  return [...(when?.values ?? [])].flatMap((time: number, n: number): [number, number][] => {
    const column = (time - times[0]) / step + 1, row = edges.findIndex((le) => took.values[n] <= le);
    if (column < 0 || column > times.length || row < 0) return [];
    const below = row ? edges[row - 1] : 0;
    return [[column, row + (edges[row] === Infinity ? 0.5 : (took.values[n] - below) / (edges[row] - below))]];
  });
}

function Heat({ data, width, height, fieldConfig, options }: PanelProps<any>) {
  const buckets = data.series
    .map((frame) => ({
      le: frame.name === '+Inf' ? Infinity : Number(frame.name),
      times: frame.fields.find(({ type }) => type === FieldType.time)!.values,
      counts: frame.fields.find(({ type }) => type === FieldType.number)!.values,
    }))
    .sort((one, other) => one.le - other.le);
  if (!buckets.length) return <Empty config={fieldConfig} />;
  const times = [...new Set(buckets.flatMap(({ times }) => [...times]))].sort((one, other) => one - other);
  const upTo = buckets.map(({ times: at, counts }) => new Map(at.map((time, n) => [time, counts[n]])));
  const cells = buckets.map((_, n) => times.map((time) =>
    Math.max(0, (upTo[n].get(time) ?? 0) - (n ? upTo[n - 1].get(time) ?? 0 : 0))));
  // Edges above and below all that was counted say nothing.
  const full = cells.map((row) => row.some((count) => count > 0));
  const [low, high] = [full.indexOf(true), full.lastIndexOf(true)];
  if (low < 0) return <Empty config={fieldConfig} />;
  const rows = cells.slice(low, high + 1);
  const most = Math.max(...rows.flat());
  const w = (width - LEFT) / times.length, h = (height - BELOW) / rows.length;
  const every = Math.max(1, Math.ceil(14 / h)), clock = Math.max(1, Math.ceil(times.length / 6));
  const label = { fontSize: 11, fill: THEME.colors.text.secondary };
  return (
    <svg width={width} height={height}>
      {rows.map((row, n) => row.map((count, k) => count > 0 && (
        <rect
          key={`${n}-${k}`} x={LEFT + k * w} y={height - BELOW - (n + 1) * h} width={w + 0.5} height={h - 1}
          fill={THEME.visualization.getColorByName('blue')} opacity={0.12 + 0.88 * (count / most)}
        />
      )))}
      {points(data, times, buckets.slice(low, high + 1).map(({ le }) => le)).map(([column, row], n) => (
        <circle
          key={n} cx={LEFT + column * w} cy={height - BELOW - row * h} r={3}
          fill={options.exemplars?.color}
        />
      ))}
      {rows.map((_, n) => n % every === 0 && (
        <text key={n} x={LEFT - 6} y={height - BELOW - (n + 1) * h + 8} textAnchor="end" {...label}>{edge(buckets[low + n].le, options.yAxis?.unit ?? 'short')}</text>
      ))}
      {times.map((time, k) => k % clock === 0 && (
        <text key={time} x={LEFT + k * w} y={height - 6} {...label}>
          {new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}
        </text>
      ))}
    </svg>
  );
}

export const heat = new PanelPlugin<any>(Heat).useFieldConfig({} as any);
