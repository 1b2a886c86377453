// The public surface of the protocol: every name that agent and command line may use.
export { adminDrainRequestSchema, type AdminDrainResponse, adminDrainResponseSchema } from './admin/drain.ts';
export { type AdminHealth, adminHealthSchema } from './admin/health.ts';
export {
  type AdminLoadRequest,
  adminLoadRequestSchema,
  type AdminLoadResponse,
  adminLoadResponseSchema,
} from './admin/load.ts';
export { type AdminModel, type AdminModels, adminModelsSchema } from './admin/models.ts';
export { type AdminPullEvent, adminPullEventSchema, adminPullRequestSchema } from './admin/pull.ts';
export {
  type AdminStatus,
  adminStatusSchema,
  type ModelState,
  type ModelStatus,
  type WorkerState,
  type WorkerStatus,
} from './admin/status.ts';
export {
  type AdminUnloadRequest,
  adminUnloadRequestSchema,
  type AdminUnloadResponse,
  adminUnloadResponseSchema,
} from './admin/unload.ts';
export { type AdminWorker, type AdminWorkers, adminWorkersSchema } from './admin/workers.ts';
export { type AgentConfig, agentConfigSchema, type ImageSettings, type RateLimit } from './agent-config.ts';
export {
  type AnthropicContentBlock,
  type AnthropicMessageParam,
  type AssistantBlock,
  type ShownBlock,
  type UserBlock,
} from './anthropic/content.ts';
export { type AnthropicError, anthropicErrorSchema } from './anthropic/error.ts';
export {
  type AnthropicMessage,
  anthropicMessageSchema,
  type AnthropicUsage,
  type CountTokens,
  countTokensSchema,
} from './anthropic/message.ts';
export { type AnthropicEvent, anthropicEventSchema } from './anthropic/message-events.ts';
export {
  type AnthropicThinking,
  type CountTokensRequest,
  countTokensRequestSchema,
  IGNORED_MESSAGES_OPTIONS,
  type MessagesRequest,
  messagesRequestSchema,
  UNSUPPORTED_MESSAGES_OPTIONS,
} from './anthropic/messages-request.ts';
export { DEFAULTS } from './defaults.ts';
export { type PageRange, parsePageRanges } from './document-options.ts';
export { CodedError, type CodedErrorOptions, type ErrorDefinition } from './errors/coded-error.ts';
export { type DeployOutcome, type HostState } from './host.ts';
export {
  type Inventory,
  type InventoryHost,
  inventorySchema,
  type SecretReference,
  type ServiceKind,
} from './inventory.ts';
export { inventoryJsonSchema } from './inventory-json-schema.ts';
export {
  type ChatDocument,
  type DeployDocument,
  deployDocumentSchema,
  type DoctorDocument,
  doctorDocumentSchema,
  type ErrorDocument,
  errorDocumentSchema,
  type ExecDocument,
  execDocumentSchema,
  type HostActionDocument,
  hostActionDocumentSchema,
  type InitDocument,
  initDocumentSchema,
  type LogsDocument,
  logsDocumentSchema,
  type ProgressEvent,
  progressEventSchema,
  type PruneDocument,
  pruneDocumentSchema,
  type ReleasesDocument,
  releasesDocumentSchema,
  type StatusDocument,
  statusDocumentSchema,
  type ValidateDocument,
  validateDocumentSchema,
} from './json-output.ts';
export { isLoopbackAddress } from './loopback-address.ts';
export { formatOfType, MEDIA_FORMATS, type MediaFormat } from './media-format.ts';
export { mediaSizeText } from './media-size.ts';
export { memoryTier } from './memory-tier.ts';
export { modelIdSchema } from './model-id.ts';
export { modelProblems } from './model-problems.ts';
export { nearestName } from './nearest-name.ts';
export {
  type ChatCompletionChunk,
  chatCompletionChunkSchema,
  chatCompletionSchema,
  type ChatRequest,
  chatRequestSchema,
} from './openai/chat.ts';
export { type ChatMessage, type ContentPart, type ImageDetail } from './openai/chat-messages.ts';
export {
  type Completion,
  completionChunkSchema,
  type CompletionRequest,
  completionRequestSchema,
  completionSchema,
} from './openai/completions.ts';
export {
  type Embeddings,
  embeddingsRequestSchema,
  type EmbeddingsRequest,
  embeddingsSchema,
  IGNORED_EMBEDDINGS_OPTIONS,
  UNSUPPORTED_EMBEDDINGS_OPTIONS,
} from './openai/embeddings.ts';
export { type OpenAiError, openAiErrorSchema, type OpenAiErrorType } from './openai/error.ts';
export {
  type FinishReason,
  IGNORED_OPTIONS,
  type ResponseTimings,
  type Usage,
} from './openai/generation-options.ts';
export { type Model, type ModelList, modelListSchema } from './openai/models.ts';
export { type ResponseFormat } from './openai/response-format.ts';
export { type ResponseEvent, responseEventSchema } from './openai/responses-events.ts';
export {
  type ResponseInputItem,
  responseInputItemSchema,
  type ResponseInputPart,
  type ResponseOutputItem,
} from './openai/responses-items.ts';
export {
  type ResponseDeleted,
  type ResponseObject,
  responseObjectSchema,
  type ResponseUsage,
} from './openai/responses-object.ts';
export {
  IGNORED_RESPONSES_OPTIONS,
  type ResponsesRequest,
  responsesRequestSchema,
  UNSUPPORTED_RESPONSES_OPTIONS,
} from './openai/responses-request.ts';
export {
  type Detokenization,
  detokenizationSchema,
  detokenizeRequestSchema,
  type Tokenization,
  tokenizationSchema,
  type TokenizeRequest,
  tokenizeRequestSchema,
  UNSUPPORTED_TOKENIZE_OPTIONS,
} from './openai/tokenize.ts';
export {
  UNSUPPORTED_CHAT_OPTIONS,
  UNSUPPORTED_COMPLETION_OPTIONS,
  UNSUPPORTED_NOTES,
} from './openai/unsupported-options.ts';
export { PYTHON_RANGE, PYTHON_RANGE_TEXT, PYTHON_VERSIONS } from './python-range.ts';
export {
  type EnvironmentKind,
  type Platform,
  releaseIdSchema,
  type ReleaseManifest,
  releaseManifestSchema,
  releaseStateSchema,
} from './release.ts';
export { keysAt } from './schema-keys.ts';
export { sniffMediaFormat, TELLING_BYTES } from './sniff-media-format.ts';
export { JSON_SCHEMA_VERSION, PROTOCOL_VERSION } from './version.ts';
export {
  type Constraint,
  type GenerateFrame,
  generateFrameSchema,
  type Media,
  type Prompt,
  type Sampling,
  type ToolChoice,
  type ToolDefinition,
} from './worker-frames/generate.ts';
export {
  type ChoiceLogprob,
  type PongFrame,
  type StepOutput,
  type ToolCallDelta,
  type WorkerReply,
  workerReplySchema,
} from './worker-frames/replies.ts';
export {
  type LoadFrame,
  loadFrameSchema,
  type MediaSettings,
  type PrefixCacheSettings,
  type WorkerRequest,
} from './worker-frames/requests.ts';
