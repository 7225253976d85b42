#include "hone/run/comparison.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/key.h"
#include "hone/base/numbers.h"

namespace hone::run {

namespace {

/// So many problems' runs wait for a peer that does not answer: one may be the problem's own fault.
constexpr int kMostHung = 2;

/// A number that is short in the file and exact enough for a regret.
double short_number(double value) { return std::strtod(fmt::format("{:.7g}", value).c_str(), nullptr); }

/// What one line of the cache is the answer to.
std::string line_key(const ComparisonRun& run) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", run.problem, run.of, run.contender, run.method, run.version,
                     run.seed, run.trials, run.workers);
}

/// The file of finished runs, one a line.
class FinishedRuns {
 public:
  explicit FinishedRuns(const std::string& path) {
    if (path.empty()) return;
    std::error_code code;
    if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
      std::filesystem::create_directories(folder, code);
    std::string text;
    if (std::filesystem::exists(path)) text = read_file(path);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      if (end == std::string::npos) break;
      const Json json = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(at),
                                    text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      at = end + 1;
      if (!json.is_object()) continue;
      try {
        ComparisonRun run = ComparisonRun::from_json(json);
        runs_[line_key(run)] = std::move(run);
      } catch (const Error&) {
        continue;  // a line of somebody else's
      }
    }
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file_ < 0)
      throw Error(fmt::format("cannot keep results here: {}", std::strerror(errno)), Place{path, 0, ""},
                  "give --out a folder that can be written");
    // The next line must not be glued to one that was cut off.
    if (!text.empty() && text.back() != '\n') write("\n");
  }
  ~FinishedRuns() {
    if (file_ >= 0) ::close(file_);
  }
  FinishedRuns(const FinishedRuns&) = delete;
  FinishedRuns& operator=(const FinishedRuns&) = delete;

  const ComparisonRun* find(const ComparisonRun& like) const {
    const auto found = runs_.find(line_key(like));
    return found == runs_.end() ? nullptr : &found->second;
  }
  void add(const ComparisonRun& run) {
    if (file_ >= 0) write(run.json().dump() + "\n");
  }

 private:
  void write(std::string_view text) const {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t done = ::write(file_, text.data() + at, text.size() - at);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) throw environment_error(fmt::format("cannot write a result: {}", std::strerror(errno)));
      at += static_cast<std::size_t>(done);
    }
  }

  std::map<std::string, ComparisonRun> runs_;
  int file_ = -1;
};

}  // namespace

std::string Contender::method() const {
  if (!peer.empty()) {
    const PeerMethod& one = peer.front();
    return Json{one.name, one.method, one.fidelity, one.several, one.limits}.dump();
  }
  return Json{searcher, searcher_options, scheduler, scheduler_options}.dump();
}

double ComparisonRun::regret_at(double n) const {
  double regret = kInfinity;
  for (const auto& [x, value] : best) {
    if (x > n) break;
    regret = value;
  }
  return regret;
}

std::string BrokenRun::reached() const {
  if (run_.workers == 1) return fmt::format("after {} of {} evaluations", run_.evaluations, run_.trials);
  return fmt::format("after {:.1f} of {} evaluations' worth of time", run_.broke_at, run_.trials);
}

Json ComparisonRun::json() const {
  Json improvements = Json::array();
  for (const auto& [x, regret] : best) improvements.push_back({short_number(x), short_number(regret)});
  Json times = Json::array();
  for (const double one : ms) times.push_back(std::strtod(fmt::format("{:.4g}", one).c_str(), nullptr));
  Json line{{"problem", problem},   {"of", of},           {"contender", contender},
            {"method", method},     {"version", version}, {"seed", seed},
            {"trials", trials},     {"workers", workers}, {"evaluations", evaluations},
            {"best", improvements}, {"ms", times}};
  if (!library.empty()) line["library"] = library;
  return line;
}

ComparisonRun ComparisonRun::from_json(const Json& json) {
  ComparisonRun run;
  try {
    run.problem = json.at("problem").get<std::string>();
    run.of = json.at("of").get<std::string>();
    run.contender = json.at("contender").get<std::string>();
    run.method = json.value("method", "");  // older lines lack it, and are no answer any more
    run.version = json.at("version").get<std::string>();
    run.library = json.value("library", "");
    run.seed = json.at("seed").get<std::uint64_t>();
    run.trials = json.at("trials").get<std::int64_t>();
    run.workers = json.at("workers").get<std::int64_t>();
    run.evaluations = json.at("evaluations").get<std::int64_t>();
    for (const Json& pair : json.at("best"))
      run.best.emplace_back(pair.at(0).get<double>(), pair.at(1).get<double>());
    run.ms = json.at("ms").get<std::vector<double>>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("this is no result of a comparison: {}", error.what()));
  }
  return run;
}

std::string problem_key(const Problem& problem) {
  KeyBuilder key;
  key.text(problem.space().text()).integer(problem.horizon());
  for (const auto& objective : problem.objectives()) key.text(objective.name).integer(objective.minimize);
  if (const Key data = problem.benchmark()->data_key(); !data.none()) key.key(data);
  key.real(problem.optimum().value_or(kNaN));
  key.real(problem.objectives().size() == 1 ? problem.median() : problem.best_hypervolume().value_or(kNaN));
  return key.build().hex().substr(0, 12);
}

std::string program_version() {
  std::string version = "hone " HONE_VERSION;
  std::error_code code;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", code);
  if (!code) version += fmt::format("+{:.8}", hash_key(read_file(path.string())).hex());
  return version;
}

ComparisonResults compare(const Comparison& comparison, const std::string& path,
                          const ComparisonHooks& hooks) {
  FinishedRuns cache(path);
  ComparisonResults results;
  std::size_t done = 0;
  const std::size_t total =
      comparison.contenders.size() * comparison.problems.size() * static_cast<std::size_t>(comparison.seeds);
  const auto interrupted = [&] { return hooks.interrupted && hooks.interrupted(); };
  for (const Contender& contender : comparison.contenders) {
    std::int64_t seeds = comparison.seeds, trials = comparison.trials;
    if (!contender.peer.empty()) {
      const PeerMethod& peer = contender.peer.front();
      if (!peer.lacks.empty()) {
        results.skips.push_back({"", contender.name, peer.lacks});
        done += comparison.problems.size() * static_cast<std::size_t>(comparison.seeds);
        continue;
      }
      if (seeds > peer.max_seeds || trials > peer.max_trials) {
        seeds = std::min(seeds, peer.max_seeds);
        trials = std::min(trials, peer.max_trials);
        results.skips.push_back(
            {"", contender.name, fmt::format("slow: {} trials and {} seeds are all it gets", trials, seeds)});
      }
    }
    std::unique_ptr<Peer> peer;
    int hung = 0;  // problems on which it gave no answer
    for (const Problem& problem : comparison.problems) {
      for (std::int64_t seed = 1; seed <= comparison.seeds; ++seed, ++done) {
        if (seed > seeds) continue;
        if (interrupted()) {
          results.interrupted = true;
          return results;
        }
        if (hooks.progress)
          hooks.progress(done, total, fmt::format("{} on {}, seed {}", contender.name, problem.name(), seed));
        ComparisonRun like;
        like.problem = problem.name();
        like.of = problem_key(problem);
        like.contender = contender.name;
        like.method = contender.method();
        like.version = contender.version;
        like.seed = static_cast<std::uint64_t>(seed);
        like.trials = trials;
        like.workers = comparison.workers;
        if (const ComparisonRun* known = cache.find(like)) {
          results.runs.push_back(*known);
          continue;
        }
        if (hung >= kMostHung) {
          results.skips.push_back(
              {problem.name(), contender.name,
               fmt::format("not run: it gave no answer on {} problems; the same command tries it again",
                           kMostHung)});
          done += static_cast<std::size_t>(comparison.seeds - seed + 1);
          break;
        }
        try {
          // As it will be read again: what goes on is the same as what was never stopped.
          const Json kept =
              compare_one(problem, contender, like.seed, trials, comparison.workers, hooks.interrupted, &peer)
                  .json();
          ComparisonRun run = ComparisonRun::from_json(kept);
          cache.add(run);
          results.runs.push_back(std::move(run));
        } catch (const Error& error) {
          peer.reset();
          if (interrupted()) {
            results.interrupted = true;
            return results;
          }
          const auto* broken = dynamic_cast<const BrokenRun*>(&error);
          if (broken != nullptr) results.broken.push_back(broken->run());
          if (broken != nullptr ? broken->hung() : dynamic_cast<const PeerHung*>(&error) != nullptr) ++hung;
          // The other seeds would fare no better.
          results.skips.push_back({problem.name(), contender.name, error.what(),
                                   broken == nullptr ? std::string() : broken->reached()});
          done += static_cast<std::size_t>(comparison.seeds - seed + 1);
          break;
        }
      }
    }
  }
  if (hooks.progress) hooks.progress(total, total, "");
  return results;
}

}  // namespace hone::run
