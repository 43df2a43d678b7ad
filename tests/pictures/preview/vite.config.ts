import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';
export default defineConfig({
  plugins: [react()],
  resolve: { alias: { 'react-router-dom-v5-compat': 'react-router-dom' } },
  define: { 'process.env.NODE_ENV': JSON.stringify('production'), 'global': 'globalThis' },
  preview: { host: '127.0.0.1', port: Number(process.env.PICTURES_PORT), strictPort: true, proxy: { '/prom': { target: process.env.PICTURES_PROMETHEUS, rewrite: (path: string) => path.replace(/^\/prom/, '') } } },
  build: { rollupOptions: { shimMissingExports: true }, minify: false, chunkSizeWarningLimit: 50000 },
});
