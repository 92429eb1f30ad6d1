// Locks of etcd, by its gateway from HTTP and JSON. Each worker has a lease for all of its locks.
import http from 'node:http';

const base64 = (text) => Buffer.from(text).toString('base64');

export default async (ports) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  let next = 0;
  function ask(path, body) {
    const text = JSON.stringify(body);
    const port = ports[next % ports.length];
    next += 1;
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1', port, path, agent, method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      }, (response) => {
        let said = '';
        response.on('data', (data) => { said += data; });
        response.on('end', () => (response.statusCode === 200
          ? resolve(JSON.parse(said)) : reject(new Error(said.slice(0, 120)))));
      });
      request.on('error', reject);
      request.end(text);
    });
  }
  const leases = [];
  const lease = async () => leases.pop() ?? (await ask('/v3/lease/grant', { TTL: 60 })).ID;
  return {
    async take(name) {
      const id = await lease();
      return { id, key: (await ask('/v3/lock/lock', { name: base64(name), lease: id })).key };
    },
    async letGo({ id, key }) {
      await ask('/v3/lock/unlock', { key });
      leases.push(id);
    },
  };
};
