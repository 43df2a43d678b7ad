import React from 'react';
import { PanelPlugin, PanelProps } from '@grafana/data';
import * as UI from '@grafana/ui';
import { valueFields } from '../fields';
import { THEME } from '../theme';
import { Empty } from './empty';
import { values } from './values';

function Stat(props: PanelProps<any>) {
  if (!props.data.series.length) return <Empty config={props.fieldConfig} />;
  const shown = values(props);
  return (
    <div style={{ display: 'flex' }}>
      {shown.map((each, n) => (
        <UI.BigValue
          key={n} value={each.display} sparkline={each.sparkline} theme={THEME}
          width={props.width / shown.length} height={props.height}
          colorMode={props.options.colorMode ?? 'value'} graphMode={props.options.graphMode ?? 'none'}
          textMode={props.options.textMode ?? 'auto'}
        />
      ))}
    </div>
  );
}

export const stat = new PanelPlugin<any>(Stat).useFieldConfig(valueFields);
