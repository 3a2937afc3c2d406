// Aedes 1.2 as a broker: node broker.mjs PORT FOLDER, where FOLDER holds node_modules.
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { pathToFileURL } from 'node:url'

const [port, folder] = process.argv.slice(2)
const { Aedes } = createRequire(pathToFileURL(folder + '/'))('aedes')

const broker = await Aedes.createBroker()
createServer(broker.handle).listen(Number(port), '127.0.0.1')
