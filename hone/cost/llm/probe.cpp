#include "hone/cost/llm/probe.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/appended_file.h"
#include "hone/base/clock.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/cost/llm/probe_request.h"

namespace hone::cost {
namespace {

using Target = std::tuple<std::int64_t, std::int64_t, std::int64_t>;  ///< prompt, output, repeat

using Sizes = std::pair<std::int64_t, std::int64_t>;  ///< prompt, output
Sizes sizes_of(const Target& target) { return {std::get<0>(target), std::get<1>(target)}; }

/// Tokens that a server's template may put around a prompt.
constexpr std::int64_t kWrapping = 64;
/// Tokens of the prompt's last line, about.
constexpr double kQuestion = 12.0;
constexpr std::int64_t kFailuresInARow = 3;
constexpr std::int64_t kMostTokens = 1'000'000'000;  // of one request, in a file

/// A request that the file says was made, and what it may cost at most.
struct Asked {
  Target target;
  std::int64_t in = 0, out = 0;
};

/// What the file says was done and spent.
struct Spent {
  std::set<Target> done;
  std::map<std::int64_t, std::int64_t> words;  ///< of the prompts made for a target size
  std::int64_t tokens_in = 0, tokens_out = 0;
  double words_per_token = 1.0;
};

/// Whether this is the beginning of a line about a model, cut off, and not a line or anything else.
bool is_torn(std::string_view text, const std::string& model) {
  if (text.empty() || Json::accept(text)) return false;
  std::string begin = Json{{"model", model}}.dump();
  begin.back() = ',';
  return text.starts_with(begin) || begin.starts_with(text);
}

class Probe {
 public:
  explicit Probe(const ProbeOptions& options)
      : options_(options),
        client_(options.url, HttpOptions{.timeout_s = options.timeout_s, .ca_file = options.ca_file}) {
    if (options_.model.empty())
      throw Error("the model's name is missing", {}, "--model NAME, as the API names it");
    if (options_.file.empty()) throw Error("a probe needs a file for its points");
    for (auto* sizes : {&options_.prompts, &options_.outputs}) {
      for (const std::int64_t size : *sizes)
        if (size < 1 || size > 1000000) throw Error(fmt::format("{} tokens cannot be asked for", size));
      // A size that is given twice is asked for once.
      std::sort(sizes->begin(), sizes->end());
      sizes->erase(std::unique(sizes->begin(), sizes->end()), sizes->end());
    }
    if (std::isfinite(options_.budget_dollars) && !priced())
      throw Error("a budget in dollars needs what tokens cost", {},
                  "--price-in and --price-out, dollars per 1000 tokens");
    if (!std::isfinite(options_.budget_dollars) && options_.budget_tokens == 0)
      throw Error("a probe needs a spending limit", {}, "--budget '1 USD' or --max-tokens 20000");
  }

  ProbeResult run() {
    ledger_.emplace(options_.file, "another probe is writing this file",
                    "wait until it has ended: a spending limit is kept by one at a time");
    read_ledger();
    std::vector<Target> plan;
    for (std::int64_t repeat = 0; repeat < options_.repeats; ++repeat)
      for (const std::int64_t prompt : options_.prompts)
        for (const std::int64_t output : options_.outputs)
          if (!spent_.done.contains({prompt, output, repeat})) plan.emplace_back(prompt, output, repeat);
    std::stable_sort(plan.begin(), plan.end(), [](const Target& a, const Target& b) {
      return std::get<2>(a) != std::get<2>(b)
                 ? std::get<2>(a) < std::get<2>(b)
                 : std::get<0>(a) + std::get<1>(a) < std::get<0>(b) + std::get<1>(b);
    });
    std::int64_t in_a_row = 0;
    std::size_t next = 0;
    for (; next < plan.size() && result_.stopped.empty(); ++next) {
      if (options_.progress)
        options_.progress(fmt::format("{} of {} requests, {} tokens{}", next + 1, plan.size(),
                                      spent_.tokens_in + spent_.tokens_out,
                                      priced() ? fmt::format(", {:.4f} USD", dollars()) : ""));
      if (refused_.contains(sizes_of(plan[next]))) {
        ++result_.failed;
        continue;
      }
      const bool done = measure(plan[next]);
      if (!result_.stopped.empty()) break;
      if (refused_.contains(sizes_of(plan[next]))) continue;  // says nothing of the next
      in_a_row = done ? 0 : in_a_row + 1;
      if (in_a_row >= kFailuresInARow)
        result_.stopped = fmt::format("{} requests in a row failed, the last: {}", in_a_row, last_failure_);
    }
    result_.left = static_cast<std::int64_t>(plan.size() - next) + result_.failed;
    result_.dollars = priced() ? dollars() : kNaN;
    result_.tokens = spent_.tokens_in + spent_.tokens_out;
    if (std::filesystem::is_regular_file(options_.file) && (result_.measured > 0 || !spent_.done.empty()))
      result_.points = read_llm_points(options_.file);
    return result_;
  }

 private:
  bool priced() const {
    return std::isfinite(options_.dollars_per_1k_in) && std::isfinite(options_.dollars_per_1k_out);
  }
  double dollars_of(std::int64_t in, std::int64_t out) const {
    return 1e-3 * (static_cast<double>(in) * options_.dollars_per_1k_in +
                   static_cast<double>(out) * options_.dollars_per_1k_out);
  }
  double dollars() const { return dollars_of(spent_.tokens_in, spent_.tokens_out); }

  void read_ledger() {
    if (!std::filesystem::exists(options_.file) || is_device(options_.file)) return;
    std::string text = read_file(options_.file);
    const std::size_t end = text.rfind('\n') + 1;  // 0: there is none
    const bool torn = is_torn(std::string_view(text).substr(end), options_.model);
    if (torn) text.resize(end);
    std::istringstream lines(text);
    std::optional<Asked> asked;  // in the line before
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      const Place place{options_.file, number, ""};
      if (line.empty()) continue;
      const Json json = Json::parse(line, nullptr, false);
      const auto whole = [&](const char* key) {
        if (!json.contains(key) || !json[key].is_number_integer() || json[key] < 0 || json[key] > kMostTokens)
          throw Error(fmt::format("this is no line of a probe: {} is missing or no count", key), place,
                      "choose another file");
        return json[key].get<std::int64_t>();
      };
      if (!json.is_object()) throw Error("this is no line of a probe", place, "choose another file");
      if (const std::string model = json_text(json, "model"); model != options_.model)
        throw Error(fmt::format("this file is of another model, '{}'", model), place, "one file a model");
      const std::int64_t in = whole("billed_in"), out = whole("billed_out");
      const auto target_of = [&] {
        return Target{whole("target_prompt"), whole("target_output"), whole("repeat")};
      };
      // What came of a request stands in the line behind it, or was never written.
      const bool came =
          asked && !json.contains("asked") && json.contains("target_prompt") && target_of() == asked->target;
      if (asked && !came) count(asked->in, asked->out);
      asked.reset();
      if (json.contains("asked")) {
        asked = Asked{target_of(), in, out};
        continue;
      }
      count(in, out);
      if (json.contains("failed")) continue;
      const Target target = target_of();
      spent_.done.insert(target);
      learn(std::get<0>(target), whole("words"), whole("prompt_tokens"));
    }
    if (asked) count(asked->in, asked->out);
    if (torn) {
      ledger_->cut(end);
      // Behind a request it was that one's answer, whose worst is counted.
      if (!asked) count_torn();
    } else if (end < text.size()) {
      ledger_->append("\n");
    }
  }

  void count(std::int64_t in, std::int64_t out) {
    spent_.tokens_in += in;
    spent_.tokens_out += out;
  }

  /// Whether there is an answer, of this run or an earlier one.
  bool answered() const { return !spent_.done.empty() || result_.measured > 0; }

  /// What a line was that a full disk or a crash cut off: nobody knows what its request cost.
  void count_torn() {
    std::int64_t prompt = 1, output = 1;
    for (const std::int64_t size : options_.prompts) prompt = std::max(prompt, size);
    for (const std::int64_t size : options_.outputs) output = std::max(output, size);
    ProbeAnswer answer;
    answer.maybe_billed = true;
    answer.why = "its line was cut off";
    spend({{"model", options_.model}}, answer,
          static_cast<std::int64_t>(probe_prompt(words_for(prompt), 0).size()) + kWrapping, output);
  }

  void learn(std::int64_t prompt, std::int64_t words, std::int64_t tokens) {
    spent_.words.emplace(prompt, words);
    if (words >= 8)
      spent_.words_per_token =
          static_cast<double>(words) / std::max(1.0, static_cast<double>(tokens) - kQuestion);
  }

  std::int64_t words_for(std::int64_t prompt) const {
    if (const auto found = spent_.words.find(prompt); found != spent_.words.end()) return found->second;
    return std::max<std::int64_t>(
        1, std::llround((static_cast<double>(prompt) - kQuestion) * spent_.words_per_token));
  }

  /// Whether so many more tokens stay within every budget.
  bool affordable(std::int64_t in, std::int64_t out) {
    const std::int64_t tokens = spent_.tokens_in + spent_.tokens_out + in + out;
    const bool money = !std::isfinite(options_.budget_dollars) ||
                       dollars_of(spent_.tokens_in + in, spent_.tokens_out + out) <= options_.budget_dollars;
    if (money && (options_.budget_tokens == 0 || tokens <= options_.budget_tokens)) return true;
    result_.stopped = "the next request could pass the budget";
    return false;
  }

  /// Appends one line: what was spent must not be forgotten.
  void append(const Json& line) {
    ledger_->append(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  /// Waits, unless interrupted.
  void wait(double seconds) {
    if (options_.sleep) return options_.sleep(seconds);
    for (const double end = monotonic_s() + seconds; monotonic_s() < end;) {
      if (options_.interrupted && options_.interrupted()) return;
      ::usleep(20000);
    }
  }

  /// One request with its retries; false where it failed for good.
  bool measure(const Target& target) {
    const auto& [prompt, output, repeat] = target;
    const std::int64_t words = words_for(prompt);
    const Json head = {
        {"model", options_.model}, {"target_prompt", prompt}, {"target_output", output}, {"repeat", repeat}};
    for (std::int64_t attempt = 0; attempt <= options_.retries; ++attempt) {
      if (options_.interrupted && options_.interrupted()) {
        result_.stopped = "interrupted";
        return false;
      }
      const std::uint64_t salt =
          static_cast<std::uint64_t>(wall_s() * 1e6) + static_cast<std::uint64_t>(attempt);
      const std::string text = probe_prompt(words, salt);
      const auto most_in = static_cast<std::int64_t>(text.size()) + kWrapping;
      if (!affordable(most_in, output)) return false;
      // Before anything is paid: however this process ends, the file knows of the request.
      bill(head, "asked", true, most_in, output);
      ProbeAnswer answer = send_probe(client_, options_, text, output, dialect_);
      // Who has counted before does count: the stream broke off between the answer's end and its counts.
      if (answer.uncounted && answered()) answer.kind = ProbeAnswer::Kind::retry;
      if (answer.kind == ProbeAnswer::Kind::done) {
        accept(head, answer, words);
        if (answer.output_tokens > output || answer.prompt_tokens > most_in)
          throw Error(
              fmt::format(
                  "the server counted {} prompt and {} output tokens where at most {} and {} could be",
                  answer.prompt_tokens, answer.output_tokens, most_in, output),
              {}, "with such a server no spending limit can be kept; the probe stops");
        return true;
      }
      spend(head, answer, most_in, output);
      if (answer.kind == ProbeAnswer::Kind::refused) {
        if (!answer.of_this || !answered())
          throw Error(fmt::format("the API refuses: {}", answer.why), {}, answer.hint);
        refused_.insert(sizes_of(target));
        last_failure_ = answer.why;
        break;
      }
      if (answer.kind == ProbeAnswer::Kind::interrupted) {
        result_.stopped = "interrupted";
        return false;
      }
      last_failure_ = answer.why;
      if (attempt == options_.retries) break;
      ++result_.retried;
      Rng rng(salt, "backoff");
      const double backoff =
          options_.backoff_s * std::exp2(static_cast<double>(attempt)) * rng.uniform(0.75, 1.25);
      wait(std::min(60.0, answer.wait_s >= 0.0 ? answer.wait_s : backoff));
    }
    ++result_.failed;
    result_.last_failure = last_failure_;
    return false;
  }

  void accept(Json line, const ProbeAnswer& answer, std::int64_t words) {
    count(answer.prompt_tokens, answer.output_tokens);
    line["words"] = words;
    line["prompt_tokens"] = answer.prompt_tokens;
    line["output_tokens"] = answer.output_tokens;
    line["seconds"] = answer.seconds;
    if (!std::isnan(answer.first_token_s)) line["first_token_s"] = answer.first_token_s;
    line["at"] = std::floor(wall_s());
    line["billed_in"] = answer.prompt_tokens;
    line["billed_out"] = answer.output_tokens;
    append(line);
    learn(line["target_prompt"].get<std::int64_t>(), words, answer.prompt_tokens);
    ++result_.measured;
    if (answer.untimed) ++result_.untimed;
  }

  /// Writes down what a failed request may have cost.
  void spend(const Json& head, const ProbeAnswer& answer, std::int64_t most_in, std::int64_t output) {
    const std::int64_t in = answer.maybe_billed ? most_in : 0, out = answer.maybe_billed ? output : 0;
    count(in, out);
    bill(head, "failed", answer.why, in, out);
  }

  void bill(Json line, const char* what, const Json& value, std::int64_t in, std::int64_t out) {
    line[what] = value;
    line["billed_in"] = in;
    line["billed_out"] = out;
    append(line);
  }

  ProbeOptions options_;
  HttpClient client_;
  std::optional<AppendedFile> ledger_;
  ProbeDialect dialect_;
  std::set<Sizes> refused_;
  Spent spent_;
  ProbeResult result_;
  std::string last_failure_;
};

}  // namespace

Json ProbeResult::json() const {
  return {{"points", points.size()},
          {"measured", measured},
          {"failed", failed},
          {"retried", retried},
          {"untimed", untimed},
          {"left", left},
          {"dollars", real_to_json(dollars)},
          {"tokens", tokens},
          {"stopped", stopped},
          {"last_failure", last_failure}};
}

ProbeResult probe_llm(const ProbeOptions& options) { return Probe(options).run(); }

}  // namespace hone::cost
