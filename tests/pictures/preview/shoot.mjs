// Draw dashboards and write them as WebP: node shoot.mjs URL FOLDER MINUTES WIDTHS THEMES uid=height...
import { writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const [url, folder, minutes, widths, themes, ...boards] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.PICTURES_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
});

// Chromium itself makes the picture small.
async function small(page, png) {
  return page.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.5).split(',')[1];
  }, png.toString('base64'));
}

let failed = 0;
const blank = await browser.newPage();
for (const board of boards) {
  const [uid, height] = board.split('=');
  for (const width of widths.split(',').map(Number)) {
    for (const theme of themes.split(',')) {
      const page = await browser.newPage({ viewport: { width, height: Number(height) } });
      await page.goto(`${url}/?uid=${uid}&theme=${theme}&minutes=${minutes}`);
      await page.waitForFunction(() => window.__scene !== undefined, undefined, { timeout: 60000 });
      let still = 0;
      for (let looks = 0; looks < 60 && still < 5; looks += 1) {
        await page.waitForTimeout(300);
        still = (await page.evaluate(() => window.__busy())) === 0 ? still + 1 : 0;
      }
      const faults = await page.evaluate(() =>
        window.__log.filter((line) => /^(ERROR|REJECTED|FAIL)/.test(line)));
      for (const fault of faults.slice(0, 3)) console.log(`${uid}: ${fault}`);
      failed += faults.length;
      const name = width === 1366 ? `${uid}-${theme}` : `${uid}-${theme}-${width}`;
      const picture = Buffer.from(await small(blank, await page.screenshot()), 'base64');
      await writeFile(`${folder}/${name}.webp`, picture);
      console.log(`${name}: ${Math.round(picture.length / 1024)} kB`);
      await page.close();
    }
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
