import React from 'react';

export const Empty = ({ config }: { config: any }) => (
  <div style={{ height: '100%', display: 'grid', placeItems: 'center', opacity: 0.7, textAlign: 'center', padding: 8 }}>
    {config.defaults.noValue ?? 'No data'}
  </div>
);
