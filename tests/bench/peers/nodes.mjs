// A client of each node, for the peers that are built on ioredis.
import Redis from 'ioredis';

export function clients(ports, { pipelining = false } = {}) {
  return ports.map((port) => {
    const client = new Redis({ host: '127.0.0.1', port, enableAutoPipelining: pipelining });
    client.on('error', () => {});
    return client;
  });
}

export const TTL = 10000;
