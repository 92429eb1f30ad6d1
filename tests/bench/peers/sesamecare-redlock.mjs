import { Redlock } from '@sesamecare-oss/redlock';
import { clients, TTL } from './nodes.mjs';

export default async (ports, { pipelining, retry }) => {
  const redlock = new Redlock(clients(ports, { pipelining }), retry && {
    retryCount: 1e6, retryDelay: retry, retryJitter: retry,
  });
  redlock.on('error', () => {});
  return { take: (name) => redlock.acquire([name], TTL), letGo: (lock) => lock.release() };
};
