import { PanelProps, getFieldDisplayValues } from '@grafana/data';
import { THEME } from '../theme';

// What a panel of single values shows, as the panels of Grafana work it out.
export function values({ data, fieldConfig, options, replaceVariables, timeZone }: PanelProps<any>) {
  return getFieldDisplayValues({
    fieldConfig, replaceVariables, timeZone, data: data.series, theme: THEME,
    reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'], values: false },
    sparkline: options.graphMode === 'area',
  } as any);
}
