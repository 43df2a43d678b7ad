// What every panel knows of its fields, as Grafana registers it: units, limits, colours, mappings.
import * as G from '@grafana/data';

const any = G as any;
const same = any.identityOverrideProcessor;

function option(path: string, process: any = same, defaultValue?: any) {
  return {
    id: path, path, name: path, settings: {}, defaultValue, process,
    editor: () => null, override: () => null, shouldApply: () => true,
  };
}

const THRESHOLDS = { mode: 'absolute', steps: [{ value: -Infinity, color: 'text' }] };

export const standardOptions = () => [
  option('unit', any.unitOverrideProcessor),
  option('min', any.numberOverrideProcessor),
  option('max', any.numberOverrideProcessor),
  option('decimals', any.numberOverrideProcessor),
  option('fieldMinMax', any.booleanOverrideProcessor),
  option('displayName', any.displayNameOverrideProcessor),
  option('noValue', any.displayNameOverrideProcessor),
  option('color', same, { mode: 'palette-classic' }),
  option('thresholds', any.thresholdsOverrideProcessor, THRESHOLDS),
  option('mappings', any.valueMappingsOverrideProcessor, []),
  option('links', any.dataLinksOverrideProcessor),
  option('filterable', any.booleanOverrideProcessor),
];

// Of lines: how they are drawn.
const LINES: [string, any][] = [
  ['drawStyle', 'line'], ['lineWidth', 1], ['fillOpacity', 0], ['lineInterpolation', 'linear'],
  ['showPoints', 'auto'], ['pointSize', 5], ['spanNulls', false], ['axisPlacement', 'auto'],
  ['axisSoftMin', undefined], ['axisSoftMax', undefined], ['gradientMode', 'none'],
  ['stacking', { mode: 'none', group: 'A' }], ['scaleDistribution', { type: 'linear' }],
  ['hideFrom', { viz: false, legend: false, tooltip: false }], ['thresholdsStyle', { mode: 'off' }],
];

const custom = (options: [string, any][]) => (builder: any) => {
  for (const [path, initial] of options) builder.addCustomEditor(option(path, same, initial));
};

export const lineFields = { useCustomConfig: custom(LINES) } as any;
export const tableFields = {
  useCustomConfig: custom([
    ['align', 'auto'], ['cellOptions', { type: 'auto' }], ['filterable', false], ['inspect', false],
    ['hidden', false], ['width', undefined], ['minWidth', 150],
  ]),
} as any;
export const valueFields = {
  standardOptions: { [G.FieldConfigProperty.Color]: { defaultValue: { mode: 'thresholds' } } },
} as any;

// In JSON the lowest threshold begins at null.
export function fieldConfig({ defaults = {}, overrides = [] }: any = {}) {
  const config = structuredClone(defaults);
  for (const step of config.thresholds?.steps ?? []) step.value ??= -Infinity;
  return { defaults: config, overrides };
}
