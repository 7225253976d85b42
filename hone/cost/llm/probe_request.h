#pragma once

#include <string>
#include <string_view>

#include "hone/base/http.h"
#include "hone/base/numbers.h"
#include "hone/cost/llm/probe.h"

namespace hone::cost {

/// One request's answer.
struct ProbeAnswer {
  enum class Kind { done, retry, refused, interrupted } kind = Kind::retry;
  std::string why;         ///< where it is not done; holds no key
  std::string hint = {};   ///< what to do about it, where that is known
  double wait_s = -1.0;    ///< what Retry-After says; < 0: nothing
  bool of_this = false;    ///< what is refused is what was asked: another size may be taken
  bool uncounted = false;  ///< refused, for it came without the API's counts
  bool maybe_billed = false;
  double seconds = 0.0;  ///< until the whole answer was there, however long its connection stayed open
  double first_token_s = kNaN;
  bool untimed = false;  ///< it was streamed, yet not from its first token on: first_token_s is NaN
  std::int64_t prompt_tokens = 0, output_tokens = 0;
};

/// A text of `words` short words that begins differently for every `salt`, so that no cache of prefixes knows
/// it, and asks for a long answer.
std::string probe_prompt(std::int64_t words, std::uint64_t salt);

/// What an API was found to refuse: it is asked otherwise from then on.
struct ProbeDialect {
  bool completion_tokens = false;  ///< it wants max_completion_tokens in place of max_tokens
  bool temperature = true;         ///< it lets the temperature be chosen
  bool stream_options = true;      ///< it lets usage be asked for; without, it may tell it all the same
};

/// Sends one request with streaming and reads it; once more for each parameter that the API refuses by name
/// (status 400 or 422, which cost nothing), as `dialect` then says.
ProbeAnswer send_probe(HttpClient& client, const ProbeOptions& options, const std::string& prompt,
                       std::int64_t output_tokens, ProbeDialect& dialect);

/// Pieces of a stream of server-sent events put together. Lines end with LF, CR or both; an event's text may
/// stand on several "data:" lines and is told of as soon as it is a JSON object or "[DONE]", else at the
/// empty line that ends it. Spaces around a line's text are no part of it.
class EventReader {
 public:
  using Take = std::function<void(std::string_view)>;
  /// Calls `take` with the text of every event that has become whole.
  void feed(std::string_view piece, const Take& take);
  /// The stream has ended: what is left is an event.
  void finish(const Take& take);

 private:
  void end_line(const Take& take);
  void end_event(const Take& take);

  std::string line_, event_;  ///< as far as they came
  bool returned_ = false;     ///< the last character was a CR: an LF belongs to it
};

/// The text without the key, nor anything that looks like one ("sk-...").
std::string without_key(std::string text, const std::string& key);

}  // namespace hone::cost
