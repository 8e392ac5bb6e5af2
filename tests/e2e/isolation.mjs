// What a run shows to the rest of the machine: its sockets, and secrets in arguments or environments.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { processTree } from './harness.mjs';

const TCP_LISTEN = '0A';
const LOOPBACK = /^(0100007F|0000000000000000FFFF00000100007F|00000000000000000000000001000000):/; // as /proc/net prints 127.0.0.1, mapped, and ::1
const NOBODY = /^0+:0000$/; // no other side (yet)

function listed(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the process has ended
  }
}

function socketInode(descriptor) {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(descriptor))?.[1];
  } catch {
    return undefined; // closed meanwhile
  }
}

const socketInodes = (pid) => listed(`/proc/${pid}/fd`).map((name) => socketInode(`/proc/${pid}/fd/${name}`)).filter((inode) => inode !== undefined);

/** Internet sockets of a process and all that it started: [{protocol, local, remote, listens}] with addresses as /proc/net prints them. */
export function internetSockets(root) {
  const own = new Set(processTree(root).flatMap(socketInodes));
  return ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'].flatMap((protocol) => {
    const rows = readFileSync(`/proc/net/${protocol}`, 'utf8').trim().split('\n').slice(1).map((row) => row.trim().split(/\s+/));
    return rows.filter((row) => own.has(row[9])).map((row) => ({ protocol, local: row[1], remote: row[2], listens: row[3] === TCP_LISTEN }));
  });
}

/** Those of `sockets` that touch anything but this machine's loopback addresses. */
export function beyondLoopback(sockets) {
  return sockets.filter(({ local, remote }) => !LOOPBACK.test(local) || !(LOOPBACK.test(remote) || NOBODY.test(remote)));
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : entry.isFile() ? [name] : [];
  });
}

function isSecret(file) {
  const folder = path.basename(path.dirname(file));
  return folder === 'secrets' || path.basename(file) === 'password' || (folder === 'chains' && file.endsWith('.key'));
}

/** Every secret of a run: {file: text}. */
export function secretsOf(directory) {
  return Object.fromEntries(filesBelow(directory).filter(isSecret).map((file) => [file, readFileSync(file, 'latin1').trim()]));
}

/** Names of the secrets that stand in one of the texts. */
export function exposed(secrets, texts) {
  return Object.entries(secrets).filter(([, secret]) => [...texts].some((text) => text.includes(secret))).map(([name]) => name);
}
