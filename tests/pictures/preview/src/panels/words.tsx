import React from 'react';
import { PanelPlugin, PanelProps, renderMarkdown } from '@grafana/data';

const Words = ({ options }: PanelProps<any>) => (
  <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(options.content) }} />
);

export const words = new PanelPlugin<any>(Words);
