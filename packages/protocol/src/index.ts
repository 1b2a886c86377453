// The public surface of the protocol: every name that agent and command line may use.
export { adminDrainRequestSchema, type AdminDrainResponse, adminDrainResponseSchema } from './admin/drain.ts';
export { type AdminHealth, adminHealthSchema } from './admin/health.ts';
export {
  type AdminLoadRequest,
  adminLoadRequestSchema,
  type AdminLoadResponse,
  adminLoadResponseSchema,
} from './admin/load.ts';
export { type AdminModel, adminModelSchema, type AdminModels, adminModelsSchema } from './admin/models.ts';
export {
  type AdminPullEvent,
  adminPullEventSchema,
  type AdminPullRequest,
  adminPullRequestSchema,
} from './admin/pull.ts';
export {
  type AdminStatus,
  adminStatusSchema,
  type ModelState,
  modelStateSchema,
  type ModelStatus,
  modelStatusSchema,
  type WorkerState,
  workerStateSchema,
  type WorkerStatus,
  workerStatusSchema,
} from './admin/status.ts';
export {
  type AdminUnloadRequest,
  adminUnloadRequestSchema,
  type AdminUnloadResponse,
  adminUnloadResponseSchema,
} from './admin/unload.ts';
export {
  type AdminWorker,
  adminWorkerSchema,
  type AdminWorkers,
  adminWorkersSchema,
} from './admin/workers.ts';
export { type AgentConfig, agentConfigSchema, type AgentModel, type RateLimit } from './agent-config.ts';
export {
  type AnthropicContentBlock,
  anthropicContentBlockSchema,
  type AnthropicMessageParam,
  anthropicMessageParamSchema,
  type AssistantBlock,
  type UserBlock,
} from './anthropic/content.ts';
export { type AnthropicError, anthropicErrorSchema } from './anthropic/error.ts';
export {
  type AnthropicMessage,
  anthropicMessageSchema,
  type AnthropicUsage,
  anthropicUsageSchema,
  type CountTokens,
  countTokensSchema,
} from './anthropic/message.ts';
export { type AnthropicEvent, anthropicEventSchema } from './anthropic/message-events.ts';
export {
  type AnthropicThinking,
  type AnthropicTool,
  type AnthropicToolChoice,
  type CountTokensRequest,
  countTokensRequestSchema,
  IGNORED_MESSAGES_OPTIONS,
  type MessagesRequest,
  messagesRequestSchema,
  UNSUPPORTED_MESSAGES_OPTIONS,
} from './anthropic/messages-request.ts';
export { DEFAULTS } from './defaults.ts';
export { durationSchema } from './duration.ts';
export { CodedError, type CodedErrorOptions, type ErrorDefinition } from './errors/coded-error.ts';
export { type DeployOutcome, deployOutcomeSchema, type HostState, hostStateSchema } from './host.ts';
export {
  type Inventory,
  type InventoryHost,
  inventoryHostSchema,
  type InventoryModel,
  inventoryModelSchema,
  inventorySchema,
  type SecretReference,
  secretReferenceSchema,
  type ServiceKind,
  serviceKindSchema,
} from './inventory.ts';
export { inventoryJsonSchema } from './inventory-json-schema.ts';
export {
  type ChatDocument,
  chatDocumentSchema,
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
  type ReleasesDocument,
  releasesDocumentSchema,
  type StatusDocument,
  statusDocumentSchema,
  type ValidateDocument,
  validateDocumentSchema,
} from './json-output.ts';
export { isLoopbackAddress } from './loopback-address.ts';
export { type MemoryTier, memoryTier } from './memory-tier.ts';
export { modelIdSchema } from './model-id.ts';
export { type ConfiguredModel, type ModelProblem, modelProblems } from './model-problems.ts';
export { nearestName } from './nearest-name.ts';
export {
  type ChatCompletion,
  type ChatCompletionChunk,
  chatCompletionChunkSchema,
  chatCompletionSchema,
  type ChatRequest,
  chatRequestSchema,
} from './openai/chat.ts';
export { type ChatMessage, chatMessageSchema, type ContentPart } from './openai/chat-messages.ts';
export { type Tool, type ToolChoiceOption } from './openai/chat-tools.ts';
export {
  type Completion,
  type CompletionChunk,
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
  finishReasonSchema,
  generationOptions,
  IGNORED_OPTIONS,
  type ResponseTimings,
  responseTimingsSchema,
  type Usage,
  usageSchema,
} from './openai/generation-options.ts';
export { type Model, type ModelList, modelListSchema, modelSchema } from './openai/models.ts';
export { type ResponseFormat } from './openai/response-format.ts';
export { type ResponseEvent, responseEventSchema } from './openai/responses-events.ts';
export {
  type ResponseInputItem,
  responseInputItemSchema,
  type ResponseInputPart,
  type ResponseOutputItem,
  responseOutputItemSchema,
} from './openai/responses-items.ts';
export {
  type ResponseDeleted,
  responseDeletedSchema,
  type ResponseObject,
  responseObjectSchema,
  type ResponseUsage,
  responseUsageSchema,
} from './openai/responses-object.ts';
export {
  IGNORED_RESPONSES_OPTIONS,
  type ResponsesRequest,
  responsesRequestSchema,
  type ResponseTool,
  type ResponseToolChoice,
  UNSUPPORTED_RESPONSES_OPTIONS,
} from './openai/responses-request.ts';
export {
  type Detokenization,
  detokenizationSchema,
  type DetokenizeRequest,
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
  environmentKindSchema,
  type Platform,
  platformSchema,
  releaseIdSchema,
  type ReleaseManifest,
  releaseManifestSchema,
  type ReleaseState,
  releaseStateSchema,
} from './release.ts';
export { keysAt } from './schema-keys.ts';
export { JSON_SCHEMA_VERSION, PROTOCOL_VERSION } from './version.ts';
export {
  type Constraint,
  constraintSchema,
  type GenerateFrame,
  generateFrameSchema,
  type Prompt,
  promptSchema,
  type Sampling,
  samplingSchema,
  type ToolChoice,
  toolChoiceSchema,
  type ToolDefinition,
  toolDefinitionSchema,
} from './worker-frames/generate.ts';
export {
  type ChoiceLogprob,
  choiceLogprobSchema,
  detokenizedFrameSchema,
  type EmbeddedFrame,
  embeddedFrameSchema,
  failedFrameSchema,
  loadedFrameSchema,
  loadFailedFrameSchema,
  type PongFrame,
  pongFrameSchema,
  readyFrameSchema,
  startedFrameSchema,
  stepFrameSchema,
  type StepOutput,
  stepOutputSchema,
  type Timings,
  timingsSchema,
  tokenizedFrameSchema,
  type ToolCallDelta,
  toolCallDeltaSchema,
  type WorkerReply,
  workerReplySchema,
} from './worker-frames/replies.ts';
export {
  cancelFrameSchema,
  detokenizeFrameSchema,
  type EmbedFrame,
  embedFrameSchema,
  type LoadFrame,
  loadFrameSchema,
  pingFrameSchema,
  type PrefixCacheSettings,
  shrinkFrameSchema,
  type Speculation,
  tokenizeFrameSchema,
  type WorkerRequest,
  workerRequestSchema,
} from './worker-frames/requests.ts';
