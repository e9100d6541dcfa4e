// The process of sharp: `node sharp.mjs NODE_MODULES MODE JOB` prints a measurement (see bench/job.py).
// MODE is `each` (a pipeline per variant, as its documentation has it) or `pyramid` (each variant from the next larger).

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

function resident(field) {
  const line = readFileSync('/proc/self/status', 'utf8').split('\n').find((row) => row.startsWith(field));
  return Number(line.split(/\s+/)[1]);
}

function memory(field) {
  try {
    return resident(field);
  } catch {
    return Math.round(field === 'VmHWM' ? process.resourceUsage().maxRSS : process.memoryUsage.rss() / 1024);
  }
}

const [modules, mode, text] = process.argv.slice(2);
const job = JSON.parse(text);
const idleKib = memory('VmRSS');
const sharp = createRequire(join(modules, 'index.js'))('sharp');

// As sharp's own benchmark does: the same picture again and again must not be answered from libvips' cache.
sharp.cache(false);

const data = readFileSync(job.source);
const options = job.quality === null ? {} : { quality: job.quality };
const box = (side) => ({ width: side, height: side, fit: 'inside', withoutEnlargement: true });
const encode = (image) => image.toFormat(job.output, options).toBuffer();

// One after the other, which is what sharp needs least memory for.
async function each() {
  const variants = [];
  for (const side of job.sides) {
    variants.push(await encode(sharp(data).autoOrient().resize(box(side))));
  }
  return variants;
}

async function pyramid() {
  const variants = new Map();
  let image = sharp(data).autoOrient();
  for (const side of [...job.sides].sort((a, b) => b - a)) {
    const { data: pixels, info } = await image.resize(box(side)).raw().toBuffer({ resolveWithObject: true });
    const raw = { width: info.width, height: info.height, channels: info.channels };
    image = sharp(pixels, { raw });
    variants.set(side, await encode(image.clone()));
  }
  return job.sides.map((side) => variants.get(side));
}

const make = mode === 'pyramid' ? pyramid : each;
const cpuUsed = () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
};

let variants;
for (let warmUp = 0; warmUp < job.warm_ups; warmUp += 1) {
  variants = await make();
}
const cpuMs = [];
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
while (cpuMs.length < job.repeats && sum(cpuMs) < 1000 * job.seconds) {
  const before = cpuUsed();
  await make();
  cpuMs.push(cpuUsed() - before);
}
const peakKib = memory('VmHWM');
job.sides.forEach((side, index) => writeFileSync(join(job.folder, `${side}.${job.output}`), variants[index]));
console.log(JSON.stringify({ cpu_ms: cpuMs, idle_kib: idleKib, peak_kib: peakKib }));
