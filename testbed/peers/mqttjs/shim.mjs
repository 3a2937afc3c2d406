// MQTT.js as a client under test: node shim.mjs FOLDER, where FOLDER holds node_modules; docs/shims.md says what it is
// told. Its session is in its two stores, which each connect hands to a new client object.
import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const require = createRequire(pathToFileURL(process.argv[2] + '/'))
const mqtt = require('mqtt')

const PROTOCOL = 'iot-testbed-shim/1'
// Milliseconds until an order other than connect is answered, whatever the library does.
const ANSWER = 5000
const LONGEST_LINE = 1 << 20
const LEVELS = { 'mqtt-3.1.1': 4, 'mqtt-5.0': 5 }
const PROTOCOLS = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss', unix: 'mqtt' }
// Names that MQTT.js has in the plural, or spells otherwise.
const THEIRS = {
  user_property: 'userProperties',
  maximum_qos: 'maximumQoS',
  subscription_identifier_available: 'subscriptionIdentifiersAvailable'
}
const OURS = Object.fromEntries(Object.entries(THEIRS).map(([ours, theirs]) => [theirs, ours]))
const BINARY = ['correlation_data', 'authentication_data']
const FLAGS = ['payload_format_indicator', 'request_problem_information', 'request_response_information']

// A pipe that is full is a pipe that somebody will read.
const say = members => {
  let line = Buffer.from(JSON.stringify(members) + '\n')
  while (line.length) {
    try {
      line = line.subarray(writeSync(1, line))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

// Buffer.from takes what it can of a text that is not hexadecimal.
function bytes (hex) {
  const made = Buffer.from(hex ?? '', 'hex')
  if (made.length * 2 !== (hex ?? '').length) throw new Failed(`not hexadecimal: ${hex}`)
  return made
}

class Failed extends Error {
  constructor (text, members = {}) {
    super(text)
    this.members = members
  }
}

let client = null
let clientId = null
let stores = null
// Ends what is under way when the connection does: { fail(text) } for each order.
const underWay = new Set()

// By the names of MQTT.js.
function properties (order) {
  const made = {}
  for (const [name, value] of Object.entries(order.properties ?? {})) {
    const theirs = THEIRS[name] ?? name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
    if (name === 'user_property') {
      made[theirs] = {}
      for (const [key, text] of value) (made[theirs][key] ??= []).push(text)
    } else if (BINARY.includes(name)) made[theirs] = bytes(value)
    else made[theirs] = FLAGS.includes(name) ? Boolean(value) : value
  }
  return Object.keys(made).length ? made : undefined
}

// By the names of the standard. MQTT.js groups user properties by their keys.
function told (theirs) {
  const found = {}
  for (const [name, value] of Object.entries(theirs ?? {})) {
    const ours = OURS[name] ?? name.replace(/[A-Z]/g, letter => '_' + letter.toLowerCase())
    if (ours === 'user_property') {
      found[ours] = Object.entries(value).flatMap(([key, texts]) => [texts].flat().map(text => [key, text]))
    } else if (ours === 'subscription_identifier') found[ours] = [value].flat()
    else if (typeof value === 'boolean') found[ours] = Number(value)
    else found[ours] = Buffer.isBuffer(value) ? value.toString('hex') : value
  }
  return found
}

function options (order) {
  const v5 = order.edition === 'mqtt-5.0'
  const transport = order.transport ?? 'tcp'
  if (!LEVELS[order.edition]) throw new Failed(`no edition ${order.edition}`)
  if (!PROTOCOLS[transport]) throw new Failed(`no transport ${transport}`)
  const made = {
    protocol: PROTOCOLS[transport],
    protocolVersion: LEVELS[order.edition],
    clientId: order.client_id ?? '',
    clean: order.clean ?? true,
    keepalive: order.keep_alive ?? 60,
    username: order.username ?? undefined,
    password: order.password ?? undefined,
    reconnectPeriod: 0,
    connectTimeout: (order.timeout ?? 10) * 1000,
    ...stores
  }
  if (transport === 'unix') Object.assign(made, { unixSocket: true, path: order.path })
  else Object.assign(made, { host: order.host, port: order.port })
  if (transport.startsWith('ws')) made.path = order.path || '/'
  if (order.will) {
    const { topic, payload, qos, retain } = order.will
    made.will = { topic, payload: bytes(payload), qos: qos ?? 0, retain: retain ?? false }
    if (v5) made.will.properties = properties(order.will)
  }
  if (v5) made.properties = properties(order)
  if (order.tls) {
    made.ca = readFileSync(order.tls.authority)
    if (order.tls.certificate) made.cert = readFileSync(order.tls.certificate)
    if (order.tls.key) made.key = readFileSync(order.tls.key)
    if (order.tls.server_name) Object.assign(made, { servername: order.tls.server_name })
    if (order.tls.server_name && transport === 'wss') made.wsOptions = { servername: order.tls.server_name }
  }
  return made
}

function connect (order) {
  drop()
  if (!stores || order.client_id !== clientId) {
    stores = { incomingStore: new mqtt.Store({ clean: false }), outgoingStore: new mqtt.Store({ clean: false }) }
    clientId = order.client_id
  }
  const v5 = order.edition === 'mqtt-5.0'
  const answers = [...(order.answers ?? [])]
  return new Promise((resolve, reject) => {
    const mine = client = mqtt.connect(options(order))
    let why = null
    mine.established = false
    mine.v5 = v5
    mine.codes = new Map()
    mine.handleAuth = (packet, callback) => {
      const data = answers.shift()
      if (packet.reasonCode !== 0x18 || data === undefined) return callback()
      const authenticationMethod = packet.properties?.authenticationMethod
      const authenticationData = bytes(data)
      callback(null, { cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod, authenticationData } })
    }
    const connected = packet => {
      mine.established = true
      const code = v5 ? packet.reasonCode : packet.returnCode
      resolve({ codes: [code], session_present: packet.sessionPresent, properties: told(packet.properties) })
    }
    mine.on('packetreceive', packet => {
      // The event `connect` comes only when what is sent again is acknowledged, too.
      if (packet.cmd === 'connack') setImmediate(() => { if (mine.connected) connected(packet) })
      const last = ['puback', 'pubcomp'].includes(packet.cmd)
      if (last || (packet.cmd === 'pubrec' && packet.reasonCode >= 0x80)) {
        mine.codes.set(packet.messageId, packet)
      }
      if (packet.cmd === 'pingresp') mine.emit('pong')
    })
    mine.on('message', (topic, payload, packet) => {
      say({
        event: 'message',
        topic,
        payload: payload.toString('hex'),
        qos: packet.qos,
        retain: packet.retain,
        dup: packet.dup,
        properties: told(packet.properties)
      })
    })
    mine.on('disconnect', packet => { why = Object.assign(new Error('DISCONNECT'), { code: packet.reasonCode ?? 0 }) })
    mine.on('error', error => {
      why ??= error
      if (!mine.established) reject(new Failed(error.message || String(error), codeOf(error)))
    })
    mine.on('close', () => {
      if (mine !== client) return
      const text = why ? why.message || String(why) : 'the connection has ended'
      if (mine.established && !mine.ordered) {
        const code = why?.message === 'DISCONNECT' ? why.code : undefined
        say({ event: 'lost', code, error: text })
      }
      mine.established = false
      reject(new Failed(text))
      endAll(text, mine.ordered)
    })
  })
}

const codeOf = error => typeof error.code === 'number' ? { codes: [error.code] } : {}

function there () {
  if (!client) throw new Failed('not connected')
  return client
}

// Closes the connection without DISCONNECT.
function drop () {
  const old = client
  client = null
  if (!old) return
  old.stream?.destroy()
  old.end(true)
}

function endAll (text, except) {
  for (const one of underWay) if (one !== except) one.fail(text)
}

const orders = {
  connect,
  subscribe: order => new Promise((resolve, reject) => {
    const filters = Object.fromEntries(order.filters.map(one => [one.filter, {
      qos: one.qos ?? 0,
      nl: one.no_local ?? false,
      rap: one.retain_as_published ?? false,
      rh: one.retain_handling ?? 0
    }]))
    there().subscribe(filters, { properties: properties(order) }, (error, _, packet) => {
      const members = { codes: packet?.granted, properties: told(packet?.properties) }
      if (error) reject(new Failed(error.message, packet ? members : {}))
      else resolve(members)
    })
  }),
  unsubscribe: order => new Promise((resolve, reject) => {
    there().unsubscribe(order.filters, { properties: properties(order) }, (error, packet) => {
      if (error) reject(new Failed(error.message, codeOf(error)))
      else resolve({ codes: [packet?.granted ?? []].flat(), properties: told(packet?.properties) })
    })
  }),
  publish: order => new Promise((resolve, reject) => {
    const mine = there()
    const qos = order.qos ?? 0
    const more = { qos, retain: order.retain ?? false, properties: mine.v5 ? properties(order) : undefined }
    let number
    mine.publish(order.topic, bytes(order.payload), more, error => {
      const packet = mine.codes.get(number)
      mine.codes.delete(number)
      const members = qos && mine.v5 && packet
        ? { codes: [packet.reasonCode ?? 0], properties: told(packet.properties) }
        : {}
      if (error) reject(new Failed(error.message, packet ? members : codeOf(error)))
      else resolve(members)
    })
    if (qos) number = mine.getLastMessageId()
  }),
  disconnect: (order, one) => new Promise((resolve, reject) => {
    const mine = there()
    mine.ordered = one
    const packet = mine.v5 ? { reasonCode: order.code ?? 0, properties: properties(order) } : {}
    mine.end(false, packet, error => error ? reject(error) : resolve({}))
  }),
  ping: () => new Promise(resolve => {
    const mine = there()
    mine.once('pong', () => resolve({}))
    mine.sendPing()
  }),
  reset: async () => {
    drop()
    stores = null
    return {}
  }
}

// Members that an order cannot be without.
const NEEDED = {
  connect: ['host', 'port', 'edition'],
  publish: ['topic'],
  subscribe: ['filters'],
  unsubscribe: ['filters']
}

// Begins an order and answers it once, in time, whatever the library does.
function obey (line) {
  let id = 0
  let order
  try {
    order = JSON.parse(line)
    if (!Number.isInteger(order.id)) throw new Error('has no id')
    id = order.id
    if (!Object.hasOwn(orders, order.op)) throw new Error(`the order ${JSON.stringify(order.op)} is not taken here`)
    const lacking = (NEEDED[order.op] ?? []).filter(name => order[name] === undefined)
    if (lacking.length) throw new Error(`${order.op} lacks ${lacking.join(', ')}`)
  } catch (error) {
    return say({ id, ok: false, error: `is no order: ${error.message}` })
  }
  const one = { fail: null }
  const limit = order.op === 'connect' ? (order.timeout ?? 10) * 1000 : ANSWER
  const ended = new Promise((resolve, reject) => { one.fail = text => reject(new Failed(text)) })
  const timer = setTimeout(() => {
    if (order.op === 'connect') drop()
    one.fail(`no answer within ${limit / 1000} s`)
  }, limit)
  if (order.op === 'connect' || order.op === 'reset') endAll('ended by the next order')
  underWay.add(one)
  const work = new Promise(resolve => resolve(orders[order.op](order, one)))
  Promise.race([work, ended]).then(
    answer => say({ id, ok: !(answer.codes ?? []).some(code => code >= 0x80), ...answer }),
    error => say({ id, ok: false, error: error.message || String(error), ...error.members })
  ).finally(() => {
    clearTimeout(timer)
    underWay.delete(one)
  })
  return undefined
}

// What the library throws beside every call ends its connection, as it would end an application.
process.on('uncaughtException', error => {
  console.error(error)
  const established = client?.established
  drop()
  if (established) say({ event: 'lost', error: `the library threw ${error}` })
  endAll(`the library threw ${error}`)
})

say({
  event: 'ready',
  protocol: PROTOCOL,
  library: 'mqtt.js',
  version: require('mqtt/package.json').version,
  editions: Object.keys(LEVELS),
  features: [
    'ping', 'authentication', 'qos-1', 'qos-2', 'session', 'in-flight', 'will', 'credentials', 'properties',
    'subscription-options', 'codes', 'tls', 'server-name', 'mutual-tls', 'websocket', 'unix'
  ]
})
createInterface({ input: process.stdin }).on('line', line => {
  if (Buffer.byteLength(line) > LONGEST_LINE) say({ id: 0, ok: false, error: 'is no order: longer than 1 MiB' })
  else if (line.trim()) obey(line)
}).on('close', () => process.exit(0))
