// Starts a child, writes the ids of both processes into the file of its argument, and waits to be ended.
import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';

const [, , path = 'pids'] = process.argv;
const wait = 'setInterval(() => {}, 60000)';
const child = spawn(process.execPath, ['-e', wait], { stdio: 'ignore' });
writeFileSync(`${path}.part`, `${process.pid} ${child.pid}\n`);
renameSync(`${path}.part`, path);
setInterval(() => {}, 60_000);
