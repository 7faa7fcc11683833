// Drives the emulator with the vendor's JavaScript SDK as it comes. Its stable release has no Metering class, so the calls
// go through the same endpoints of its core, by pages and in chunks, that all of its resources use.
//
// Each check is a sentence: one that fails ends the run. The base URL is the first argument.
import { CogniteClient } from '@cognite/sdk';
import { BaseResourceAPI } from '@cognite/sdk-core';

const [base, busyBase] = process.argv.slice(2);
const begin = 1764547200000;
const end = 1764633600000;
const catalogue = [
  'atlas.monthly_ai_prompts',
  'atlas.monthly_ai_tokens',
  'files.storage_bytes',
  'functions.concurrent_executions',
];

class Metering extends BaseResourceAPI {
  getDateProps() {
    return this.pickDateProps(['items', 'datapoints'], ['timestamp']);
  }
  list(query = {}) {
    return this.listEndpoint(this.callListEndpointWithPost, query);
  }
  retrieve(ids, range = {}) {
    return this.retrieveEndpoint(ids.map((meterId) => ({ meterId })), range);
  }
}

class Client extends CogniteClient {
  initAPIs() {
    super.initAPIs();
    this.httpClient.setDefaultHeader('cdf-version', '20230101-alpha');
    this.metering = this.apiFactory(Metering, 'metering/meters');
  }
}

let tokensAsked = 0;
function client(project, token = 'ada-token', baseUrl = base) {
  return new Client({
    appId: 'submeter-e2e',
    project,
    baseUrl,
    oidcTokenProvider: async () => {
      tokensAsked++;
      return token;
    },
  });
}

function check(sentence, holds) {
  if (!holds) {
    console.error(`javascript: not true: ${sentence}`);
    process.exit(1);
  }
  console.log(`javascript: ${sentence}`);
}

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

const ids = (meters) => meters.map((m) => m.meterId).join(' ');

const cdf = client('acme');
const meters = await cdf.metering.list().autoPagingToArray();
check('the catalogue is listed', ids(meters) === catalogue.join(' '));
check('the token was asked for after the first refusal', tokensAsked === 1);
check('meters come without history unless asked', meters.every((m) => m.datapoints.length === 0));
const filtered = await cdf.metering.list({ filter: { prefix: { property: ['meterId'], value: 'atlas.' } } });
check('a prefix filters', ids(filtered.items) === 'atlas.monthly_ai_prompts atlas.monthly_ai_tokens');
check('an empty filter does not', ids((await cdf.metering.list({ filter: {} })).items) === catalogue.join(' '));

const [storage] = await cdf.metering.retrieve(['files.storage_bytes'], { start: begin, end, numberOfDatapoints: 4 });
check('four periods of a day are averaged', storage.datapoints.map((p) => p.average).join(' ') === '1100 1700 1900 1700');
check('timestamps become dates', storage.datapoints[0].timestamp.getTime() === begin);
const page = await cdf.metering.list({ start: begin, end, numberOfDatapoints: 2 });
check('a list brings the same history', page.items[2].datapoints.map((p) => p.average).join(' ') === '1460 1700');

const many = client('many-meters');
const all = await many.metering.list({ limit: 400 }).autoPagingToArray({ limit: Infinity });
check('1,100 meters are paged through', new Set(all.map((m) => m.meterId)).size === 1100);
const some = all.slice(0, 1050).map((m) => m.meterId);
check('1,050 ids are asked for in chunks of 1,000', ids(await many.metering.retrieve(some)) === some.join(' '));

const unknown = await refused(cdf.metering.retrieve(['nonexistent.meter.id']));
check('an unknown meter is 404 with a message and a request id',
  unknown.status === 404 && unknown.errors?.[0]?.errorMessage === 'Meters not found' && /^[0-9a-f-]{36}$/.test(unknown.errors[0].requestId));
check('no ids are refused', (await refused(cdf.post('/api/v1/projects/acme/metering/meters/byids', { data: { items: [] } }))).status === 400);
check('a missing capability is 403', (await refused(client('acme', 'bea-token').metering.list())).status === 403);
check('an unknown token is given up on', (await refused(client('acme', 'made-up').metering.list())).status === 401);
check('an unknown project is 401', (await refused(client('nowhere').metering.list())).status === 401);

check('the project is read', (await cdf.projects.retrieve('acme')).urlName === 'acme');
check('groups are listed', (await cdf.groups.list({ all: true })).some((g) => g.name === 'admins'));
const inspected = await cdf.get('/api/v1/token/inspect');
check('the token is inspected', inspected.data.subject === 'ada');
const limit = await cdf.get('/api/v1/projects/acme/limits/values/' + encodeURIComponent('files.storage_bytes'));
check('a limit is read', limit.data.value === 5000);

const busy = client('acme', 'ada-token', busyBase);
const waited = [await busy.metering.list(), await busy.metering.list(), await busy.metering.list()];
check('a budget that is used up is waited for', waited.every((p) => p.items.length === 4));
