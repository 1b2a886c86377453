import type { ErrorDefinition, OpenAiErrorType } from '@mlxfleet/protocol';

/** An error that a client of one of the HTTP APIs can see. Its `code` travels in lower case in the body. */
export interface ApiErrorDefinition extends ErrorDefinition {
  /** HTTP status; unused once a stream has begun, where the error is an SSE event. */
  readonly status: number;
  readonly type: OpenAiErrorType;
}

/** Errors that end the agent, or keep it from starting. */
export const PROCESS_ERRORS = {
  WRONG_USAGE: {
    code: 'WRONG_USAGE',
    when: 'A command or an option of the agent is not understood.',
    hint: 'Run the agent with `--help`.',
  },
  CONFIG_UNREADABLE: {
    code: 'CONFIG_UNREADABLE',
    when: 'shared/config.yaml exists but cannot be read.',
    hint: 'It has to be a UTF-8 text file that the user of the agent can read.',
  },
  CONFIG_INVALID: {
    code: 'CONFIG_INVALID',
    when: 'shared/config.yaml does not say what it must; every problem is listed with its place.',
    hint: 'Correct the inventory and deploy again, or correct the file and restart the agent.',
  },
  BIND_UNPROTECTED: {
    code: 'BIND_UNPROTECTED',
    when: 'The API would listen beyond loopback without asking for a key.',
    hint: 'Set api.keys in the inventory, or say api.anonymous: true, and deploy again.',
  },
  PORT_IN_USE: {
    code: 'PORT_IN_USE',
    when: 'Another process listens on the port of the main or the admin API.',
    hint: 'Stop the other process, or set another port in the inventory.',
  },
  LISTEN_FAILED: {
    code: 'LISTEN_FAILED',
    when: 'The system refuses to listen on an address, a port or the admin socket.',
    hint: 'Check that the address belongs to this host, and that the path of the root is short.',
  },
  AGENT_RUNNING: {
    code: 'AGENT_RUNNING',
    when: 'Another agent already serves this root folder.',
    hint: 'Stop it first, or start this one with another --root.',
  },
  ROOT_UNUSABLE: {
    code: 'ROOT_UNUSABLE',
    when: 'The root folder cannot be made or written to.',
    hint: 'Check the owner, the permissions and the free space of the folder.',
  },
  WORKER_UNKNOWN: {
    code: 'WORKER_UNKNOWN',
    when: 'The agent does not run from a release folder and was not told which worker to use.',
    hint: 'Give --worker-python and --worker-source.',
  },
} as const satisfies Readonly<Record<string, ErrorDefinition>>;

/** Errors that the HTTP APIs answer with. */
export const API_ERRORS = {
  BROKEN_JSON: {
    code: 'BROKEN_JSON',
    status: 400,
    type: 'invalid_request_error',
    when: 'The request body is not JSON.',
    hint: 'Send one JSON object, UTF-8.',
  },
  MISSING_REQUIRED_PARAMETER: {
    code: 'MISSING_REQUIRED_PARAMETER',
    status: 400,
    type: 'invalid_request_error',
    when: 'A field that the request needs is absent.',
    hint: 'The field is named in param.',
  },
  INVALID_TYPE: {
    code: 'INVALID_TYPE',
    status: 400,
    type: 'invalid_request_error',
    when: 'A field of the request has a wrong type.',
    hint: 'The field is named in param.',
  },
  INVALID_VALUE: {
    code: 'INVALID_VALUE',
    status: 400,
    type: 'invalid_request_error',
    when: 'A field of the request has the right type and an impossible value.',
    hint: 'The field is named in param.',
  },
  UNSUPPORTED_PARAMETER: {
    code: 'UNSUPPORTED_PARAMETER',
    status: 400,
    type: 'invalid_request_error',
    when: 'The request asks for an option that this version cannot honour.',
    hint: 'Leave the option out: it is refused because ignoring it would give wrong answers.',
  },
  IMAGES_NOT_SUPPORTED: {
    code: 'IMAGES_NOT_SUPPORTED',
    status: 400,
    type: 'invalid_request_error',
    when: 'A message holds an image and the model takes text only.',
    hint: 'Send text only, or choose a vision model.',
  },
  MODEL_NOT_SUPPORTED: {
    code: 'MODEL_NOT_SUPPORTED',
    status: 400,
    type: 'invalid_request_error',
    when: 'An embedding model is asked for text, or a model that generates text for vectors.',
    hint: 'Name a model that does what the route is for. `/v1/embeddings` takes embedding models, the other routes take the rest.',
  },
  CONTEXT_LENGTH_EXCEEDED: {
    code: 'CONTEXT_LENGTH_EXCEEDED',
    status: 400,
    type: 'invalid_request_error',
    when: 'The prompt does not fit into the context of the model.',
    hint: 'Shorten the prompt, or raise the context of the model in the inventory if the model allows it.',
  },
  PREVIOUS_RESPONSE_NOT_FOUND: {
    code: 'PREVIOUS_RESPONSE_NOT_FOUND',
    status: 400,
    type: 'invalid_request_error',
    when: 'A request goes on from a response that is not stored, or that another API key made.',
    hint: 'Send the whole conversation as input. Responses are kept for 30 days, within bounds, unless `store` is false.',
  },
  INVALID_API_KEY: {
    code: 'INVALID_API_KEY',
    status: 401,
    type: 'authentication_error',
    when: 'The API asks for a key and the request carries none, or one that is not known.',
    hint: 'Send `Authorization: Bearer KEY`.',
  },
  ADMIN_TOKEN_REQUIRED: {
    code: 'ADMIN_TOKEN_REQUIRED',
    status: 401,
    type: 'authentication_error',
    when: 'A write to the admin API over TCP carries no valid token.',
    hint: 'Send `Authorization: Bearer` with the content of shared/admin-token, or use the Unix socket.',
  },
  HOST_NOT_ALLOWED: {
    code: 'HOST_NOT_ALLOWED',
    status: 403,
    type: 'permission_error',
    when: 'The Host header names a foreign host: a web page may be pointing its own name at this machine.',
    hint: 'Use localhost, the address of the host, or its .local name. Any other name needs api.keys.',
  },
  ORIGIN_NOT_ALLOWED: {
    code: 'ORIGIN_NOT_ALLOWED',
    status: 403,
    type: 'permission_error',
    when: 'A web page tries to write to the admin API.',
    hint: 'The admin API is for command lines, not for browsers.',
  },
  ROUTE_NOT_FOUND: {
    code: 'ROUTE_NOT_FOUND',
    status: 404,
    type: 'not_found_error',
    when: 'There is nothing at this URL.',
    hint: 'The base URL of the OpenAI API ends in /v1.',
  },
  MODEL_NOT_FOUND: {
    code: 'MODEL_NOT_FOUND',
    status: 404,
    type: 'not_found_error',
    when: 'The host does not have the model and cannot get it.',
    hint: '`GET /v1/models` lists what the host has.',
  },
  RESPONSE_NOT_FOUND: {
    code: 'RESPONSE_NOT_FOUND',
    status: 404,
    type: 'not_found_error',
    when: 'There is no stored response with this id, or another API key made it.',
    hint: 'Responses are kept for 30 days, within bounds, unless `store` is false.',
  },
  METHOD_NOT_ALLOWED: {
    code: 'METHOD_NOT_ALLOWED',
    status: 405,
    type: 'invalid_request_error',
    when: 'The URL exists and does not take this HTTP method.',
    hint: 'The Allow header names the methods.',
  },
  BODY_TOO_LARGE: {
    code: 'BODY_TOO_LARGE',
    status: 413,
    type: 'invalid_request_error',
    when: 'The request body is larger than the route takes.',
    hint: 'Send a smaller request.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    status: 415,
    type: 'invalid_request_error',
    when: 'The Content-Type of the request is not JSON, or its body is compressed.',
    hint: 'Send `Content-Type: application/json`, and no `Content-Encoding`.',
  },
  BAD_REQUEST: {
    code: 'BAD_REQUEST',
    status: 400,
    type: 'invalid_request_error',
    when: 'The request is not well-formed HTTP, or its URL cannot be read.',
    hint: 'Check the URL and the headers.',
  },
  HEADERS_TOO_LARGE: {
    code: 'HEADERS_TOO_LARGE',
    status: 431,
    type: 'invalid_request_error',
    when: 'The headers of the request have more than 16 KiB together.',
    hint: 'Send fewer or shorter headers, cookies among them.',
  },
  REQUEST_NOT_RECEIVED: {
    code: 'REQUEST_NOT_RECEIVED',
    status: 408,
    type: 'invalid_request_error',
    when: 'The request had not arrived when its time was up: 60 seconds for its headers, 120 for all of it.',
    hint: 'Send the request again, over a faster connection or a smaller one.',
  },
  QUEUE_FULL: {
    code: 'QUEUE_FULL',
    status: 429,
    type: 'rate_limit_error',
    when: 'As many requests wait for the model as its queue holds.',
    hint: 'Try again after the seconds in Retry-After, or raise queue_depth.',
  },
  RATE_LIMIT_EXCEEDED: {
    code: 'RATE_LIMIT_EXCEEDED',
    status: 429,
    type: 'rate_limit_error',
    when: 'The API key has sent more requests than `api.rate_limit` allows. Without configured keys all clients share one limit.',
    hint: 'Try again after the seconds in Retry-After, or raise `api.rate_limit`.',
  },
  INTERNAL_ERROR: {
    code: 'INTERNAL_ERROR',
    status: 500,
    type: 'server_error',
    when: 'The agent or the worker failed in a way that nobody foresaw.',
    hint: 'The log of the agent has the details, under the request id.',
  },
  MODEL_LOAD_FAILED: {
    code: 'MODEL_LOAD_FAILED',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The worker could not load the model.',
    hint: 'The message has the reason in short; `mlxfleet status` and the log of the worker have all of it.',
  },
  VISION_ENVIRONMENT_MISSING: {
    code: 'VISION_ENVIRONMENT_MISSING',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The model needs the vision environment, which this host does not have. Embedding models do.',
    hint: 'Set `vision: true` for the host in the inventory, and deploy again.',
  },
  WORKER_CRASHED: {
    code: 'WORKER_CRASHED',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The worker that held the request died after it had begun to answer, or died with it twice. It is started again.',
    hint: 'Send the request again. The log of the worker has its last words.',
  },
  WORKER_BROKEN: {
    code: 'WORKER_BROKEN',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The worker of the model died or could not load five times in a row, and rests for five minutes.',
    hint: 'Try again after the seconds in Retry-After, or have it started at once with `mlxfleet load`. `GET /admin/workers` has the last lines of its log.',
  },
  MODEL_UNLOADED: {
    code: 'MODEL_UNLOADED',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The model was unloaded by force while it held the request.',
    hint: 'Send the request again: the model is loaded on demand.',
  },
  MEMORY_EXHAUSTED: {
    code: 'MEMORY_EXHAUSTED',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The model does not fit beside the models that are busy or pinned, or a request not into the memory that its model has left, or the machine is critically short of memory.',
    hint: 'Try again when others have finished. If that does not help: unload a model, choose a smaller one, send less, or raise the memory limit.',
  },
  DOWNLOADS_BUSY: {
    code: 'DOWNLOADS_BUSY',
    status: 503,
    type: 'service_unavailable_error',
    when: 'Too many models are being looked up or downloaded.',
    hint: 'Try again when one of them is there.',
  },
  HUB_UNREACHABLE: {
    code: 'HUB_UNREACHABLE',
    status: 503,
    type: 'service_unavailable_error',
    when: 'A model was to be fetched, and no hub answers, or none may be asked.',
    hint: 'Check the network of the host, HF_ENDPOINT and HF_HUB_OFFLINE; or copy the model into shared/models.',
  },
  DOWNLOAD_FAILED: {
    code: 'DOWNLOAD_FAILED',
    status: 502,
    type: 'server_error',
    when: 'The download of a model broke off.',
    hint: 'Pull it again: it goes on with the files that are there.',
  },
  INSUFFICIENT_STORAGE: {
    code: 'INSUFFICIENT_STORAGE',
    status: 507,
    type: 'server_error',
    when: 'The disk of the host has no room for the model that was to be fetched.',
    hint: 'Free space on the host, for example by removing models that nobody uses, and pull it again.',
  },
  QUEUE_TIMEOUT: {
    code: 'QUEUE_TIMEOUT',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The request waited longer than its priority allows: 300, 120 or 60 seconds.',
    hint: 'Try again later, or send `X-Priority: high`.',
  },
  DRAINING: {
    code: 'DRAINING',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The agent is about to stop, or was told to drain, and takes no new work.',
    hint: 'Try again after the seconds in Retry-After.',
  },
  NOT_READY: {
    code: 'NOT_READY',
    status: 503,
    type: 'service_unavailable_error',
    when: 'The agent cannot serve yet.',
    hint: 'The message says what it waits for.',
  },
  REQUEST_TIMEOUT: {
    code: 'REQUEST_TIMEOUT',
    status: 504,
    type: 'server_error',
    when: 'The request ran longer than request_timeout_seconds, or a question about tokens or vectors stayed unanswered for five minutes.',
    hint: 'Ask for fewer tokens, or raise request_timeout_seconds.',
  },
  CLIENT_TOO_SLOW: {
    code: 'CLIENT_TOO_SLOW',
    status: 503,
    type: 'server_error',
    when: 'The client of a stream does not read what it asked for.',
    hint: 'Read the stream while it arrives.',
  },
} as const satisfies Readonly<Record<string, ApiErrorDefinition>>;

/** Every error of the agent, for docs/errors.md. */
export const ERRORS: Readonly<Record<string, ErrorDefinition>> = { ...PROCESS_ERRORS, ...API_ERRORS };
