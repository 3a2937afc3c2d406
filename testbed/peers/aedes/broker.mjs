// Aedes 1.2 as a broker: node broker.mjs FOLDER PORT WEBSOCKET_PORT UNIX_SOCKET, where FOLDER holds node_modules.
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { pathToFileURL } from 'node:url'

const [folder, port, webSocketPort, path] = process.argv.slice(2)
const require = createRequire(pathToFileURL(folder + '/'))
const { Aedes } = require('aedes')
const { WebSocketServer, createWebSocketStream } = require('ws')

const broker = await Aedes.createBroker()
const http = createHttpServer().listen(Number(webSocketPort), '127.0.0.1')
// Its own choice of a subprotocol is the first one offered, which MQTT does not allow.
const handleProtocols = offered => offered.has('mqtt') ? 'mqtt' : false
new WebSocketServer({ server: http, handleProtocols })
  .on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request))
// A socket of an earlier life is in the way of this one.
rmSync(path, { force: true })
createServer(broker.handle).listen(path)
createServer(broker.handle).listen(Number(port), '127.0.0.1')
