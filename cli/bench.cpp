// hone bench: comparisons with other libraries.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "bench_cost.h"
#include "bench_identity.h"
#include "command.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/run/ask_times.h"
#include "hone/run/comparison.h"
#include "hone/schedule/scheduler.h"
#include "hone/search/searcher.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

constexpr const char* kOwn = "own";
constexpr const char* kPeers = "peers";
constexpr const char* kPeerPrefix = "peer:";

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    std::string word = list.substr(at, end - at);
    word.erase(0, word.find_first_not_of(' '));
    word.erase(word.find_last_not_of(' ') + 1);
    if (!word.empty()) words.push_back(std::move(word));
    at = end + 1;
  }
  return words;
}

/// "asha:eta=4:type=stopping": a method and options of it. A value is JSON, in which ';' stands for ',', or
/// text.
struct WithOptions {
  std::string name;
  Json options = Json::object();
};

WithOptions with_options(const std::string& word) {
  WithOptions result;
  std::size_t at = word.find(':');
  result.name = word.substr(0, at);
  while (at < word.size()) {
    const std::size_t end = std::min(word.find(':', at + 1), word.size());
    const std::string pair = word.substr(at + 1, end - at - 1);
    const std::size_t equal = pair.find('=');
    if (equal == std::string::npos)
      throw Error(fmt::format("'{}' is no option", pair), {}, "write METHOD:OPTION=VALUE");
    std::string value = pair.substr(equal + 1);
    std::replace(value.begin(), value.end(), ';', ',');
    Json parsed = Json::parse(value, nullptr, false);
    result.options[pair.substr(0, equal)] = parsed.is_discarded() ? Json(value) : parsed;
    at = end;
  }
  return result;
}

/// Throws Error where an option of `word` is none of the method's or has a wrong value; what must be given
/// may come from the problem.
void check_options(const std::string& word, const MethodInfo& info, const Json& given) {
  std::vector<OptionSpec> specs = info.options;
  for (OptionSpec& spec : specs) spec.optional = spec.optional || !given.contains(spec.name);
  try {
    const Options checked(specs, given);
  } catch (const Error& error) {
    throw Error(fmt::format("'{}': {}{}", word, error.place().prefix(), error.message()), {}, error.hint());
  }
}

struct BenchArguments {
  std::string data, searchers, schedulers, suites, problems, peers = "bench/peers", out = "bench-search";
  std::int64_t workers = 1, trials = 100, seeds = 5, dimension = 5;
  bool json = false, quiet = false;
};

/// The problems of the chosen suites whose regret can be measured.
std::vector<run::Problem> problems_of(const BenchArguments& arguments) {
  std::vector<run::Suite> suites = run::function_suites(arguments.dimension);
  std::vector<std::string> functions, left_out;
  for (const auto& suite : suites) functions.push_back(suite.name);
  std::vector<std::string> chosen = words_of(arguments.suites);
  const std::vector<std::string> wanted = words_of(arguments.problems);
  const bool devices = !wanted.empty() || std::find(chosen.begin(), chosen.end(), "devices") != chosen.end();
  if (!arguments.data.empty())
    for (auto& suite : run::recorded_suites(arguments.data, &left_out, devices))
      suites.push_back(std::move(suite));
  run::name_apart(suites);

  if (chosen.empty())
    chosen = arguments.data.empty() ? std::vector<std::string>{"classic", "mixed"}
                                    : std::vector<std::string>{"tables", "curves"};
  std::vector<std::string> names{"functions"};
  for (const auto& suite : suites) names.push_back(suite.name);
  for (const auto& name : chosen) {
    const bool recorded = name == "tables" || name == "curves" || name == "devices";
    if (recorded && arguments.data.empty())
      throw Error(fmt::format("--suite {} needs recorded tables", name), {}, "give their folder: --data DIR");
    if (std::find(names.begin(), names.end(), name) == names.end() && !recorded)
      throw Error(fmt::format("there is no suite '{}'", name), {}, suggest(name, names));
  }
  std::vector<run::Problem> problems;
  for (const auto& suite : suites) {
    const bool function = std::find(functions.begin(), functions.end(), suite.name) != functions.end();
    const auto is = [&](const std::string& name) {
      return std::find(chosen.begin(), chosen.end(), name) != chosen.end();
    };
    if (!is(suite.name) && !(function && is("functions")) && wanted.empty()) continue;
    for (const auto& problem : suite.problems) {
      const auto means = [&](const std::string& name) { return problem.is_called(name); };
      if (!wanted.empty() && std::none_of(wanted.begin(), wanted.end(), means)) continue;
      if (!run::measurable(problem))
        left_out.push_back(problem.name() + ": nobody knows its best or median value, or its front");
      else if (arguments.workers > 1 && !run::takes_time(problem))
        left_out.push_back(problem.name() + ": its evaluations take no time, by which workers are compared");
      else
        problems.push_back(problem);
    }
  }
  for (const auto& line : left_out) std::fprintf(stderr, "left out: %s\n", line.c_str());
  for (const auto& problem : problems)
    if (const std::string note = problem.benchmark()->note(); !note.empty())
      std::fprintf(stderr, "%s: %s\n", problem.name().c_str(), note.c_str());
  for (const auto& name : wanted) run::find_problem(suites, name);  // a wrong name is told
  if (problems.empty())
    throw Error("there is nothing to compare on", {},
                !left_out.empty()        ? "what was left out is said above"
                : arguments.data.empty() ? "give --data DIR, or another --suite"
                                         : fmt::format("is {} a folder of recorded tables?", arguments.data));
  return problems;
}

/// `skips` gets what is asked for by default and not there.
std::vector<run::Contender> contenders_of(const BenchArguments& arguments,
                                          std::vector<run::ComparisonSkip>& skips) {
  std::vector<std::string> words = words_of(arguments.searchers);
  const bool all = words.empty();
  if (all) words = {kOwn, kPeers};
  const auto asks_peers = [](const std::string& word) {
    return word == kPeers || word.starts_with(kPeerPrefix);
  };
  std::vector<run::PeerMethod> peers;
  if (all && !std::filesystem::exists(arguments.peers + "/peers.json"))
    skips.push_back({"", kPeers,
                     fmt::format("there are no adapters in {}; give --peers the folder bench/peers of hone's "
                                 "source",
                                 arguments.peers)});
  else if (std::any_of(words.begin(), words.end(), asks_peers))
    peers = run::peer_methods(arguments.peers);
  std::vector<std::string> schedulers = words_of(arguments.schedulers);
  if (schedulers.empty()) schedulers = {"fixed"};
  for (const auto& word : schedulers) {
    const auto [name, options] = with_options(word);
    check_options(word, methods().need("scheduler", name).info, options);
  }
  const std::string version = run::program_version();

  std::vector<run::Contender> contenders;
  const auto add = [&](run::Contender contender) {
    for (const auto& known : contenders)
      if (known.method() == contender.method()) return;
    contenders.push_back(std::move(contender));
  };
  const auto add_own = [&](const std::string& word) {
    const auto [searcher, searcher_options] = with_options(word);
    const auto& info = methods().need("searcher", searcher).info;
    check_options(word, info, searcher_options);
    for (const auto& scheduler_word : schedulers) {
      const auto [scheduler, scheduler_options] = with_options(scheduler_word);
      run::Contender contender;
      // Some schedulers are a method with a searcher of their own, which alone is another contender.
      const auto& its = methods().need("scheduler", scheduler).info;
      const bool is_plain = scheduler_word == "fixed" && methods().find("scheduler", searcher) == nullptr;
      contender.name = is_plain               ? word
                       : its.searcher.empty() ? fmt::format("{}+{}", word, scheduler_word)
                                              : scheduler_word;
      contender.summary = its.searcher.empty() ? info.summary : its.summary;
      contender.searcher = its.searcher.empty() ? searcher : its.searcher;
      if (its.searcher.empty()) contender.searcher_options = searcher_options;
      contender.scheduler = scheduler;
      contender.scheduler_options = scheduler_options;
      contender.version = version;
      add(std::move(contender));
    }
  };
  const auto add_peer = [&](const run::PeerMethod& peer) {
    run::Contender contender;
    contender.name = kPeerPrefix + peer.name;
    contender.summary = peer.summary;
    contender.peer = {peer};
    contender.version = peer.version;
    add(std::move(contender));
  };
  for (const auto& word : words) {
    if (word == kOwn) {
      for (const auto& name : methods().names("searcher")) add_own(name);
    } else if (word == kPeers) {
      // What decides on fidelity has nothing to decide where evaluations only follow each other.
      for (const auto& peer : peers)
        if (arguments.workers > 1 || !peer.fidelity) add_peer(peer);
    } else if (word.starts_with(kPeerPrefix)) {
      const std::string name = word.substr(std::string(kPeerPrefix).size());
      const auto found =
          std::find_if(peers.begin(), peers.end(), [&](const auto& peer) { return peer.name == name; });
      if (found == peers.end()) {
        std::vector<std::string> names;
        for (const auto& peer : peers) names.push_back(peer.name);
        throw Error(fmt::format("there is no peer '{}'", name), Place{arguments.peers + "/peers.json", 0, ""},
                    suggest(name, names));
      }
      add_peer(*found);
    } else {
      add_own(word);
    }
  }
  return contenders;
}

int bench_search(const BenchArguments& arguments) {
  run::Comparison comparison;
  std::vector<run::ComparisonSkip> skips;
  comparison.contenders = contenders_of(arguments, skips);
  comparison.problems = problems_of(arguments);
  comparison.trials = arguments.trials;
  comparison.seeds = arguments.seeds;
  comparison.workers = arguments.workers;

  catch_interrupts();
  run::ComparisonResults results;
  {
    ProgressLine progress(arguments.quiet);
    run::ComparisonHooks hooks;
    hooks.interrupted = interrupted;
    hooks.progress = [&](std::size_t done, std::size_t total, const std::string& what) {
      if (!what.empty()) progress.show(fmt::format("{} of {} runs; {}", done, total, what));
    };
    results = run::compare(comparison, arguments.out + "/runs.jsonl", hooks);
  }
  results.skips.insert(results.skips.begin(), skips.begin(), skips.end());
  const run::ComparisonSummary summary = run::summarise(comparison, results);
  const std::string page = arguments.out + "/report.html";
  const Json json = run::comparison_json(comparison, summary);
  write_file_atomic(page, run::comparison_page(comparison, results, summary, "Searchers compared"));
  write_file_atomic(arguments.out + "/results.json", json.dump(1) + "\n");
  if (arguments.json) {
    print_json(json);
    for (const auto& line : run::left_out_lines(results, summary))
      std::fprintf(stderr, "left out: %s\n", line.c_str());
  } else {
    std::printf("%s\n%s\n", run::comparison_text(comparison, results, summary).c_str(),
                std::filesystem::absolute(page).c_str());
  }
  if (results.interrupted) {
    std::fprintf(stderr, "stopped; finished runs are saved in %s, the same command goes on\n",
                 arguments.out.c_str());
    return kStopped;
  }
  return kDone;
}

void add_bench_ask(CLI::App& bench, Action& action) {
  auto* command =
      bench.add_subcommand("ask", "What a proposal takes on a study that already holds many trials");
  command->footer("Example:\n  hone bench ask --methods tpe --most 10000");
  struct AskArguments {
    std::string peers = "bench/peers", methods;
    std::int64_t most = 100000;
    bool json = false;
  };
  auto arguments = std::make_shared<AskArguments>();
  command->add_option("--methods", arguments->methods,
                      "Comma separated: tpe, gp, random, nsga2; default: all");
  command->add_option("--most", arguments->most, "No studies of more trials; default: 100000")
      ->check(whole_number(1, 10000000));
  command->add_option("--peers", arguments->peers, "Folder of peers' adapters; default: bench/peers");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([arguments, &action] {
    action = [arguments] {
      run::AskTimesOptions options;
      if (std::filesystem::exists(arguments->peers + "/peers.json"))
        options.peers = run::peer_methods(arguments->peers);
      options.methods = words_of(arguments->methods);
      options.most = arguments->most;
      catch_interrupts();
      options.interrupted = interrupted;
      options.done = [](const run::AskTime& time) {
        std::fprintf(stderr, "%s at %lld: %s\n", time.contender.c_str(), static_cast<long long>(time.n),
                     time.lacks.empty() ? fmt::format("{:.3g} ms", time.ms).c_str() : time.lacks.c_str());
      };
      const auto times = run::ask_times(options);
      if (arguments->json) {
        Json list = Json::array();
        for (const auto& time : times) list.push_back(time.json());
        print_json(list);
      } else {
        std::printf("%s", run::ask_times_text(times).c_str());
      }
      return static_cast<int>(kDone);
    };
  });
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto* bench = app.add_subcommand("bench", "Compare hone with other libraries");
  bench->require_subcommand(1);
  add_bench_ask(*bench, action);
  add_bench_cost(*bench, action);
  add_bench_identity(*bench, action);
  auto* command = bench->add_subcommand(
      "search", "Compare searchers and schedulers on recorded tables, curves and functions");
  command->footer(
      "Ctrl-C stops and keeps what is finished; the same command goes on from there.\n"
      "Examples:\n"
      "  hone bench search --suite classic --searchers random,tpe\n"
      "  hone bench search --data tables --searchers own,peer:optuna_tpe\n"
      "  hone bench search --data curves --suite curves --workers 8 --schedulers fixed,asha");
  auto arguments = std::make_shared<BenchArguments>();
  command->add_option("--data", arguments->data, "Folder of recorded tables and curves (docs/bench.md)");
  command->add_option("--searchers", arguments->searchers,
                      "Comma separated: names of hone's, peer:NAME, 'own' (all of hone's), 'peers' (all of "
                      "theirs); default: own,peers");
  command->add_option("--schedulers", arguments->schedulers,
                      "Comma separated: hone's schedulers, each with each of its searchers; default: fixed");
  command
      ->add_option("--workers", arguments->workers,
                   "Above 1: so many simulated workers on recorded times, compared by time")
      ->check(whole_number(1, 100000));
  command
      ->add_option("--trials", arguments->trials,
                   "Evaluations a run; with workers, the time in which they finish so many; default: 100")
      ->check(whole_number(1, 1000000));
  command->add_option("--seeds", arguments->seeds, "Runs of each contender on each problem; default: 5")
      ->check(whole_number(1, 10000));
  command->add_option("--suite", arguments->suites,
                      "Comma separated: tables, curves, devices (of --data), functions or one of its suites; "
                      "default: tables,curves with --data, else classic,mixed");
  command
      ->add_option("--dimension", arguments->dimension,
                   "Parameters of the functions that exist with any number of them; default: 5")
      ->check(whole_number(1, 1000));
  command->add_option("--problems", arguments->problems, "Comma separated: only these, of any suite");
  command->add_option("--peers", arguments->peers, "Folder of peers' adapters; default: bench/peers");
  command->add_option("--out", arguments->out,
                      "Folder for results and the report; what it holds is not run again; default: "
                      "bench-search");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, &action] { action = [arguments] { return bench_search(*arguments); }; });
}

}  // namespace hone::cli
