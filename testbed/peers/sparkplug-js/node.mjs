// sparkplug-client as an edge node with one device: node node.mjs HOST PORT NODE FOLDER, where FOLDER holds node_modules.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [host, port, name, folder] = process.argv.slice(2)
const { newClient } = createRequire(pathToFileURL(folder + '/'))('sparkplug-client')
const device = 'valve'
const REBIRTH = 'Node Control/Rebirth'
let lost = false
const values = { Setpoint: 1, Opening: 2 }

const client = newClient({
  serverUrl: `mqtt://${host}:${port}`,
  username: '',
  password: '',
  groupId: 'plant',
  edgeNode: name,
  clientId: name,
  publishDeath: true,
  mqttOptions: { reconnectPeriod: 100 },
})

const metric = (name, type, value) => ({ name, type, value, timestamp: Date.now() })
const payload = (...metrics) => ({ timestamp: Date.now(), metrics })

function births() {
  client.publishNodeBirth(payload(
    metric(REBIRTH, 'Boolean', false),
    metric('Setpoint', 'Int32', values.Setpoint),
    metric('Lose device', 'Boolean', lost),
    { ...metric('Tank', 'Double', 1.5), properties: { Quality: { type: 'Int32', value: 192 } } },
    metric('Recipe', 'DataSet', { numOfColumns: 2, columns: ['step', 'litres'], types: ['String', 'Int32'], rows: [['fill', 3]] }),
  ))
  if (!lost) deviceBirth()
}

function deviceBirth() {
  client.publishDeviceBirth(device, payload(metric('Opening', 'Int32', values.Opening)))
}

client.on('birth', births)
client.on('error', (error) => console.error(String(error)))
client.on('ncmd', ({ metrics }) => {
  for (const { name, value } of metrics) {
    if (name === REBIRTH && value) births()
    if (name === 'Setpoint') {
      values.Setpoint = value
      client.publishNodeData(payload(metric(name, 'Int32', value)))
    }
    if (name === 'Lose device') {
      lost = value
      if (lost) client.publishDeviceDeath(device, payload())
      else deviceBirth()
      client.publishNodeData(payload(metric(name, 'Boolean', value)))
    }
  }
})
client.on('dcmd', (_, { metrics }) => {
  for (const { name, value } of metrics) {
    if (name !== 'Opening') continue
    values.Opening = value
    client.publishDeviceData(device, payload(metric(name, 'Int32', value)))
  }
})
process.on('SIGTERM', () => {
  client.stop()
  setTimeout(() => process.exit(0), 500).unref()
})
