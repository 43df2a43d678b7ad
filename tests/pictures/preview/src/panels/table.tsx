import React from 'react';
import { PanelPlugin, PanelProps } from '@grafana/data';
import { Table as Drawn } from '@grafana/ui';
import { tableFields } from '../fields';
import { Empty } from './empty';

function Table({ data, fieldConfig, width, height, timeRange, options }: PanelProps<any>) {
  const [frame] = data.series;
  if (!frame?.length) return <Empty config={fieldConfig} />;
  return (
    <Drawn
      data={frame} width={width} height={height} noHeader={!options.showHeader} resizable={false}
      initialSortBy={options.sortBy} timeRange={timeRange}
      columnMinWidth={fieldConfig.defaults.custom?.minWidth}
    />
  );
}

export const table = new PanelPlugin<any>(Table).useFieldConfig(tableFields);
