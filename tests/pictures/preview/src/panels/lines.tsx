import React from 'react';
import { FieldType, PanelProps, PanelPlugin, getDisplayProcessor } from '@grafana/data';
import * as UI from '@grafana/ui';
import { lineFields } from '../fields';
import { THEME } from '../theme';
import { Empty } from './empty';

const NO_LEGEND = { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] };

function Lines({ data, fieldConfig, timeRange, timeZone, width, height, options }: PanelProps<any>) {
  const frames = React.useMemo(() => data.series.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => field.type === FieldType.number
      ? { ...field, display: field.display ?? getDisplayProcessor({ field, theme: THEME }) }
      : field),
  })), [data.series]);
  if (!frames.length) return <Empty config={fieldConfig} />;
  const TimeSeries = (UI as any).TimeSeries;
  return (
    <TimeSeries
      frames={frames} structureRev={data.structureRev} timeRange={timeRange} timeZone={timeZone}
      width={width} height={height} legend={options.legend ?? NO_LEGEND} options={options}
    />
  );
}

export const lines = new PanelPlugin<any>(Lines).useFieldConfig(lineFields);
