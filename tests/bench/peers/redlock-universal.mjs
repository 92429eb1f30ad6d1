import { createRedlock, IoredisAdapter } from 'redlock-universal';
import { clients, TTL } from './nodes.mjs';

export default async (ports, { pipelining, retry }) => {
  const adapters = clients(ports, { pipelining }).map((client) => new IoredisAdapter(client));
  const options = retry && { retryAttempts: 1e6, retryDelay: retry };
  return {
    async take(name) {
      const lock = createRedlock({ adapters, key: name, ttl: TTL, ...options });
      return { lock, handle: await lock.acquire() };
    },
    letGo: ({ lock, handle }) => lock.release(handle),
  };
};
