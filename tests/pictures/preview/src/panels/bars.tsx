import React from 'react';
import { PanelPlugin, PanelProps, getDisplayValueAlignmentFactors } from '@grafana/data';
import * as UI from '@grafana/ui';
import { valueFields } from '../fields';
import { THEME } from '../theme';
import { Empty } from './empty';
import { values } from './values';

function Bars(props: PanelProps<any>) {
  if (!props.data.series.length) return <Empty config={props.fieldConfig} />;
  const { maxVizHeight = 300, minVizHeight = 16, displayMode, orientation, valueMode, showUnfilled } = props.options;
  return (
    <UI.VizRepeater
      getValues={() => values(props) as any} source={props.data} orientation={orientation} itemSpacing={8}
      width={props.width} height={props.height} minVizHeight={minVizHeight} maxVizHeight={maxVizHeight}
      getAlignmentFactors={getDisplayValueAlignmentFactors as any}
      renderValue={({ value, width, height, alignmentFactors }: any) => (
        <UI.BarGauge
          value={value.display} field={value.field} text={props.options.text}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)} theme={THEME}
          width={width} height={height} orientation={orientation} itemSpacing={8} lcdCellWidth={8}
          displayMode={displayMode} valueDisplayMode={valueMode} showUnfilled={showUnfilled}
          alignmentFactors={alignmentFactors}
        />
      )}
    />
  );
}

export const bars = new PanelPlugin<any>(Bars).useFieldConfig(valueFields);
