import Redlock from 'redlock-4';
import { clients, TTL } from './nodes.mjs';

export default async (ports, { pipelining, retry }) => {
  const redlock = new Redlock(clients(ports, { pipelining }), retry && {
    retryCount: 1e6, retryDelay: retry, retryJitter: retry,
  });
  redlock.on('clientError', () => {});
  return { take: (name) => redlock.lock(name, TTL), letGo: (lock) => lock.unlock() };
};
