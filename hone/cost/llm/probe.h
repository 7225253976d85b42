#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/numbers.h"
#include "hone/cost/llm/fit.h"

namespace hone::cost {

/// How a model behind an OpenAI-compatible API is measured.
struct ProbeOptions {
  std::string url;    ///< "https://host/v1", or the whole address of /chat/completions or /completions
  std::string model;  ///< as the API names it
  bool chat = true;   ///< /chat/completions; false: /completions
  std::string key;    ///< sent as a bearer token where it is not empty; never written anywhere
  std::vector<std::int64_t> prompts{16, 128, 512, 1024};  ///< tokens aimed at; in any order, repeats are one
  std::vector<std::int64_t> outputs{1, 16, 64};
  std::int64_t repeats = 3;
  bool ignore_eos = false;  ///< ask servers that know it for exactly so many tokens (vLLM's ignore_eos)
  double dollars_per_1k_in = kNaN, dollars_per_1k_out = kNaN;
  double budget_dollars = kNaN;    ///< needs both prices
  std::int64_t budget_tokens = 0;  ///< prompt and output together; 0: none
  double timeout_s = 120.0;        ///< of one request
  std::int64_t retries = 5;        ///< of one request
  double backoff_s = 1.0;          ///< before the first retry; doubles
  std::string ca_file;
  std::string file;  ///< lines of JSON, appended (docs/formats.md); what it answers is not asked again
  std::function<void(const std::string&)> progress;
  std::function<bool()> interrupted;
  std::function<void(double)> sleep;  ///< for tests; empty: really
};

/// How far a probe came. Spending counts everything that the file holds, earlier runs too.
struct ProbeResult {
  std::vector<LlmPoint> points;  ///< all of the file
  std::int64_t measured = 0;     ///< in this run
  std::int64_t failed = 0;       ///< in this run, after their retries or for their size
  std::int64_t retried = 0;
  std::int64_t untimed = 0;  ///< in this run, of the measured: no first token's time could be told
  std::int64_t left = 0;     ///< requests of the plan that the file has no answer to: not made, or failed
  std::string last_failure;  ///< why the last failed request did; "" where none failed for good
  double dollars = 0.0;      ///< at the prices given; NaN without
  std::int64_t tokens = 0;
  std::string
      stopped;  ///< why not all was asked: "the next request could pass the budget", ...; "" if it was
  Json json() const;
};

/// Asks for every prompt size x output size x repeat, cheap ones first, streaming, one at a time, and appends
/// each answer to the file as it comes, so that it may be stopped anywhere and goes on later. Token counts
/// are the API's own (`usage`). The first token's time is left out where an answer came all at once, as
/// proxies that buffer pass it on, or where the model thought first and its thinking was not streamed.
///
/// One probe at a time has the file: a second one throws Error. A request stands in it, on the disk, before
/// it is sent: where the file cannot be written, Error (environment) is thrown and nothing is paid for, and
/// one whose answer was never written, because the probe was killed, is counted at its worst. A last line
/// that was cut off is taken out, and counted at the worst that a request of this plan may cost unless the
/// line before it is its request; one without its line's end gets it.
///
/// The budget is never passed, provided that the server bills no more than `max_tokens` outputs: before a
/// request its worst case is reckoned (every byte of the prompt and of its wrapping a token, all outputs) and
/// added to what was spent, and where that passes the budget, the request is not made. A request that broke
/// off, timed out or came back malformed is counted at its worst case, for it may have been billed; refusals
/// (429, 503, 4xx, no connection) cost nothing. An answer with more output tokens than were asked for ends
/// the probe with an Error.
///
/// 429 and 5xx, broken connections, timeouts, malformed answers, and answers without the API's counts where
/// others had them, are retried after a wait that doubles, with jitter, or as long as Retry-After says, in
/// seconds or with a date (at most 60 s). Three requests in a row that fail for good end the probe. An API
/// that refuses max_tokens for max_completion_tokens, or a temperature or stream_options, by name is asked so
/// from then on. Once something was answered, a size that is refused (400, 413, 422: the prompt is longer
/// than the model's context, say) has failed and is asked for no more in this run; the others are. Other
/// refusals (401, 404; no counts from the first answer on) throw Error with what the server said; the key is
/// never part of it.
ProbeResult probe_llm(const ProbeOptions& options);

}  // namespace hone::cost
