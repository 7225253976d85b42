#include "hone/cost/llm/probe_request.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

constexpr std::size_t kShown = 200;    ///< bytes of a server's message that are passed on
constexpr double kMostCounted = 1e15;  ///< tokens
/// What a model writes stands under one of these.
constexpr const char* kWritten[]{"content", "refusal", "tool_calls", "function_call"};
constexpr const char* kThought[]{"reasoning_content", "reasoning"};
/// An answer that something on its way held back until it was whole: its first token comes at more than this
/// share of its time, and those behind it in less than this many seconds each, as no model writes.
constexpr double kHeldBackShare = 0.98, kHeldBackToken = 1e-3;

std::string message_of(const std::string& body, const std::string& key) {
  std::string text = body;
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error")) {
    const Json& error = json["error"];
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      text = error["message"].get<std::string>();
    else if (error.is_string())
      text = error.get<std::string>();
  }
  text = without_key(std::move(text), key);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  if (text.size() > kShown) text.resize(kShown);
  return text;
}

/// Whether an event holds output, says that no more will come or that it is the stream's end, and what it
/// says of usage.
struct Event {
  bool valid = false, text = false, done = false, end = false;
  bool thought = false;  ///< its output is thinking
  std::int64_t prompt_tokens = -1, output_tokens = -1;
  std::int64_t thought_tokens = -1;  ///< of the output's
  std::string error;
};

Event read_event(std::string_view data) {
  Event event;
  if (data == "[DONE]") {
    event.valid = event.done = event.end = true;
    return event;
  }
  const Json json = Json::parse(data, nullptr, false);
  if (!json.is_object()) return event;
  event.valid = true;
  if (json.contains("error") && !json["error"].is_null()) event.error = std::string(data);
  const auto nonempty = [](const Json& holder, const char* key) {
    if (!holder.is_object()) return false;
    const auto found = holder.find(key);
    if (found == holder.end()) return false;
    return found->is_string() ? !found->get_ref<const std::string&>().empty()
                              : found->is_structured() && !found->empty();
  };
  if (json.contains("choices") && json["choices"].is_array())
    for (const Json& choice : json["choices"]) {
      event.done = event.done || nonempty(choice, "finish_reason");
      if (nonempty(choice, "text")) event.text = true;
      for (const char* part : {"delta", "message"}) {
        if (!nonempty(choice, part)) continue;
        for (const char* key : kWritten) event.text = event.text || nonempty(choice[part], key);
        for (const char* key : kThought) event.thought = event.thought || nonempty(choice[part], key);
      }
    }
  if (json.contains("usage") && json["usage"].is_object()) {
    const auto count = [](const Json& usage, const char* key) -> std::int64_t {
      const auto found = usage.find(key);
      if (found == usage.end() || !found->is_number()) return -1;
      const double value = found->get<double>();  // some servers write 15.0
      return value >= 0.0 && value <= kMostCounted && value == std::floor(value)
                 ? static_cast<std::int64_t>(value)
                 : -1;
    };
    const Json& usage = json["usage"];
    event.prompt_tokens = count(usage, "prompt_tokens");
    event.output_tokens = count(usage, "completion_tokens");
    if (nonempty(usage, "completion_tokens_details"))
      event.thought_tokens = count(usage["completion_tokens_details"], "reasoning_tokens");
  }
  return event;
}

}  // namespace

std::string without_key(std::string text, const std::string& key) {
  for (std::size_t at; key.size() >= 4 && (at = text.find(key)) != std::string::npos;)
    text.replace(at, key.size(), "***");
  for (std::size_t at = 0; (at = text.find("sk-", at)) != std::string::npos; at += 3) {
    std::size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                 text[end] == '-' || text[end] == '_' || text[end] == '*'))
      ++end;
    text.replace(at, end - at, "***");
  }
  return text;
}

void EventReader::feed(std::string_view piece, const Take& take) {
  while (!piece.empty()) {
    if (returned_ && piece.front() == '\n') piece.remove_prefix(1);
    returned_ = false;
    const std::size_t end = piece.find_first_of("\r\n");
    line_.append(piece.substr(0, end));
    if (end == piece.npos) return;
    returned_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    end_line(take);
  }
}

void EventReader::finish(const Take& take) {
  end_line(take);
  end_event(take);
}

void EventReader::end_line(const Take& take) {
  std::string whole;
  whole.swap(line_);
  std::string_view text = whole;
  if (text.empty()) return end_event(take);
  if (!text.starts_with("data:")) return;
  text.remove_prefix(5);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!event_.empty()) event_ += '\n';
  event_ += text;
  // Not every server ends an event with an empty line, and a first token's time does not wait for it.
  if (event_ == "[DONE]" || (event_.starts_with('{') && event_.ends_with('}') && Json::accept(event_)))
    end_event(take);
}

void EventReader::end_event(const Take& take) {
  if (event_.empty()) return;
  const std::string whole = std::move(event_);
  event_.clear();
  take(whole);
}

std::string probe_prompt(std::int64_t words, std::uint64_t salt) {
  static constexpr const char* kWords[]{"the",  "cat", "sun",  "red", "one",  "day", "man",  "sea",
                                        "tree", "dog", "book", "sky", "rain", "cup", "road", "new"};
  Rng rng(salt, "probe");
  std::string text;
  for (std::int64_t i = 0; i < words; ++i) {
    if (i > 0) text += ' ';
    text += kWords[static_cast<std::size_t>(rng.below(16))];
  }
  return text + "\nCount from 1 upwards, on and on:";
}

namespace {

std::string body_of(const ProbeOptions& options, const std::string& prompt, std::int64_t output_tokens,
                    const ProbeDialect& dialect) {
  Json body = {{"model", options.model}};
  if (options.chat)
    body["messages"] = Json::array({{{"role", "user"}, {"content", prompt}}});
  else
    body["prompt"] = prompt;
  body[dialect.completion_tokens ? "max_completion_tokens" : "max_tokens"] = output_tokens;
  if (dialect.temperature) body["temperature"] = 0;
  body["stream"] = true;
  if (dialect.stream_options) body["stream_options"] = {{"include_usage", true}};
  if (options.ignore_eos) {
    body["ignore_eos"] = true;
    body["min_tokens"] = output_tokens;
  }
  return body.dump();
}

/// Whether the refusal names something that can be asked otherwise; `dialect` then says how.
bool learned(const std::string& refusal, ProbeDialect& dialect) {
  const auto names = [&](const char* what) { return refusal.find(what) != std::string::npos; };
  if (!dialect.completion_tokens && names("max_completion_tokens"))
    dialect.completion_tokens = true;
  else if (dialect.temperature && names("temperature"))
    dialect.temperature = false;
  else if (dialect.stream_options && names("stream_options"))
    dialect.stream_options = false;
  else
    return false;
  return true;
}

/// What to do about a refusal with this status.
std::string hint_for(int status, const std::string& refusal, const ProbeOptions& options) {
  if (options.ignore_eos &&
      (refusal.find("ignore_eos") != std::string::npos || refusal.find("min_tokens") != std::string::npos))
    return "leave out --ignore-eos";
  switch (status) {
    case 400:
    case 413:
    case 422:
      return "look at --prompts and --outputs, whose sizes it may not take, and at --model";
    case 401:
    case 402:
    case 403:
      return "look at the variable that holds the key (--key-env), and at what the key may use";
    default:
      return "look at the URL and --model";
  }
}

/// One request; `refusal` is what came with a status 400 or 422.
ProbeAnswer exchange(HttpClient& client, const ProbeOptions& options, const std::string& body,
                     std::int64_t output_tokens, std::string& refusal) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options.key.empty()) headers.emplace_back("Authorization", "Bearer " + options.key);
  std::string path = client.path();
  if (!path.ends_with("/completions")) path += options.chat ? "/chat/completions" : "/completions";

  ProbeAnswer answer;
  EventReader reader;
  bool finished = false, events = false, thought = false;
  std::int64_t thought_tokens = 0;
  std::string said, malformed;
  double whole_s = kNaN;  // when the stream told that it was whole: how late its connection ends is no matter
  const double start = monotonic_s();
  const auto take = [&](std::string_view data) {
    const Event event = read_event(data);
    events = true;
    if (!event.valid && malformed.empty()) malformed = data;
    finished = finished || event.done;
    if (!event.error.empty()) said = event.error;
    if ((event.text || event.thought) && std::isnan(answer.first_token_s))
      answer.first_token_s = monotonic_s() - start;
    thought = thought || event.thought;
    thought_tokens = std::max(thought_tokens, event.thought_tokens);
    if (event.prompt_tokens >= 0) answer.prompt_tokens = event.prompt_tokens;
    if (event.output_tokens >= 0) answer.output_tokens = event.output_tokens;
    // Usage before the finish may be counted as it runs.
    const bool usage = event.prompt_tokens >= 0 && event.output_tokens >= 0;
    if (std::isnan(whole_s) && (event.end || (finished && usage))) whole_s = monotonic_s() - start;
  };
  const HttpResponse response = client.post(
      path, headers, body,
      [&](std::string_view piece) {
        reader.feed(piece, take);
        return std::isnan(whole_s);
      },
      options.interrupted);
  const double total = monotonic_s() - start;

  answer.maybe_billed = response.sent;
  if (options.interrupted && options.interrupted() && !response.failure.empty()) {
    answer.kind = ProbeAnswer::Kind::interrupted;
    answer.why = "interrupted";
    return answer;
  }
  const int status = response.status;
  if (status == 400 || status == 422) refusal = response.body;
  if (status / 100 == 3 && !response.location.empty() && response.failure.empty()) {
    answer.kind = ProbeAnswer::Kind::refused;
    answer.maybe_billed = false;
    answer.why = fmt::format("status {}: it sends to {}", status, message_of(response.location, options.key));
    answer.hint = "no redirection is followed, for the key goes with it; give that address if you trust it";
    return answer;
  }
  if (status != 0 && status != 200 && response.failure.empty()) {
    answer.why = fmt::format("status {}: {}", status, message_of(response.body, options.key));
    answer.maybe_billed = status >= 500 && status != 503;
    const bool passing = status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
    answer.kind = passing ? ProbeAnswer::Kind::retry : ProbeAnswer::Kind::refused;
    answer.of_this = status == 400 || status == 413 || status == 422;
    if (!passing) answer.hint = hint_for(status, response.body, options);
    answer.wait_s = response.retry_after_s;
    return answer;
  }
  if (!response.failure.empty()) {
    answer.why = response.failure;
    return answer;
  }
  reader.finish(take);
  if (!events && !response.body.empty()) {  // one document: this server knows no streaming
    take(response.body);
    finished = true;
    answer.first_token_s = kNaN;
  }
  if (!said.empty())
    answer.why = message_of(said, options.key);
  else if (!malformed.empty())
    answer.why = "the answer is malformed: " + message_of(malformed, options.key);
  else if (!events)
    answer.why = "the answer is empty";
  else if (!finished && answer.output_tokens < output_tokens)  // usage may be counted as it runs
    answer.why = "the stream broke off";
  else if (answer.prompt_tokens < 1 || answer.output_tokens < 1) {
    // Without the API's own counts a time says nothing.
    answer.kind = ProbeAnswer::Kind::refused;
    answer.why = answer.prompt_tokens < 1 ? "the API does not tell how many tokens it counted ('usage')"
                                          : "the model answered with no token";
    answer.uncounted = answer.prompt_tokens < 1;
    if (answer.uncounted)
      answer.hint = "use a server that reports usage in its last event (stream_options.include_usage)";
    if (answer.prompt_tokens >= 1) answer.kind = ProbeAnswer::Kind::retry;
  } else {
    answer.kind = ProbeAnswer::Kind::done;
    answer.seconds = std::isnan(whole_s) ? total : std::min(whole_s, total);  // its line may have had no end
    answer.first_token_s = std::min(answer.first_token_s, answer.seconds);
    // What came first was the answer's first token only where nothing before it was kept back.
    const double rest = answer.seconds - answer.first_token_s;
    const bool held_back = answer.first_token_s > kHeldBackShare * answer.seconds &&
                           rest < kHeldBackToken * static_cast<double>(answer.output_tokens - 1);
    answer.untimed = held_back || (!std::isnan(answer.first_token_s) && thought_tokens > 0 && !thought);
    if (answer.untimed) answer.first_token_s = kNaN;
  }
  return answer;
}

}  // namespace

ProbeAnswer send_probe(HttpClient& client, const ProbeOptions& options, const std::string& prompt,
                       std::int64_t output_tokens, ProbeDialect& dialect) {
  while (true) {
    std::string refusal;
    ProbeAnswer answer =
        exchange(client, options, body_of(options, prompt, output_tokens, dialect), output_tokens, refusal);
    if (refusal.empty() || !learned(refusal, dialect)) return answer;
  }
}

}  // namespace hone::cost
