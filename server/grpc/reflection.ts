import {
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code, type ConnectRouter } from '@connectrpc/connect'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
  ServerReflection as service,
} from './generated/grpc/reflection/v1/reflection_pb.ts'

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>

/** Tells tools such as grpcurl the methods and messages of services, and of reflection itself. */
export const reflection = (services: readonly DescService[]) => {
  const offered = [...services, service]
  const files = new Map(
    offered.flatMap(({ file }) => withDependencies(file)).map((file) => [fileName(file), file]),
  )
  const symbols = new Map([...files.values()].flatMap((file) => symbolsOf(file).map((name) => [name, file])))

  const answer = ({ messageRequest: { case: kind, value } }: ServerReflectionRequest): Answer => {
    if (kind === 'listServices')
      return {
        case: 'listServicesResponse',
        value: { service: offered.map(({ typeName }) => ({ name: typeName })) },
      }
    const file =
      kind === 'fileByFilename'
        ? files.get(value)
        : kind === 'fileContainingSymbol'
          ? symbols.get(value)
          : undefined
    if (!file)
      return {
        case: 'errorResponse',
        value: { errorCode: Code.NotFound, errorMessage: 'There is no such name' },
      }
    const encoded = toBinary(FileDescriptorProtoSchema, file.proto)
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [encoded] } }
  }

  return (router: ConnectRouter): void => {
    router.rpc(service.method.serverReflectionInfo, async function* (requests) {
      for await (const request of requests)
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(request) }
    })
  }
}

const withDependencies = (file: DescFile): readonly DescFile[] => [
  file,
  ...file.dependencies.flatMap(withDependencies),
]

const fileName = ({ name }: DescFile) => `${name}.proto`

const symbolsOf = ({ messages, services }: DescFile): string[] => [
  ...messages.flatMap(messageNames),
  ...services.flatMap(({ typeName, methods }) => [
    typeName,
    ...methods.map(({ name }) => `${typeName}.${name}`),
  ]),
]

const messageNames = ({ typeName, nestedMessages }: DescMessage): string[] => [
  typeName,
  ...nestedMessages.flatMap(messageNames),
]
