// sharp as an encoder alone: `node encode.mjs NODE_MODULES SOURCE JOBS` writes a file for each job and prints the CPU of each.
// JOBS is JSON, a list of {output, options, path}.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, source, text] = process.argv.slice(2);
const sharp = createRequire(join(modules, 'index.js'))('sharp');
sharp.cache(false);
sharp.concurrency(1);

const { data, info } = await sharp(readFileSync(source)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
const raw = { width: info.width, height: info.height, channels: info.channels };
const cpuUsed = () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
};

const cpuMs = [];
for (const { output, options, path } of JSON.parse(text)) {
  const make = () => sharp(data, { raw }).toFormat(output, options).toBuffer();
  await make();
  const before = cpuUsed();
  const encoded = await make();
  cpuMs.push(cpuUsed() - before);
  writeFileSync(path, encoded);
}
console.log(JSON.stringify(cpuMs));
