export { createGrpcApp } from './grpc-app.ts'
export { serveGrpc } from './grpc-server.ts'
