#include "hone/cost/recurring/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cost {
namespace {

const std::vector<std::pair<RunEnding, const char*>>& ending_names() {
  static const std::vector<std::pair<RunEnding, const char*>> names{
      {RunEnding::reached, "reached"}, {RunEnding::unreached, "unreached"},
      {RunEnding::stopped, "stopped"}, {RunEnding::failed, "failed"},
      {RunEnding::wrong, "wrong"},     {RunEnding::interrupted, "interrupted"}};
  return names;
}

/// Reads the lines one after the other.
class HistoryReader {
 public:
  HistoryReader(RecurringHistory& history, const std::string& file) : history_(history), file_(file) {}

  void line(const std::string& text, int number) {
    const Place place{file_, number, ""};
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("event") || !json["event"].is_string())
      throw Error("is no line of a journal of recurrences", place,
                  "it holds JSON objects with \"event\"; move the file away to begin anew");
    const auto event = json["event"].get<std::string>();
    try {
      if (event == "job" && json.at("format").get<int>() > 1)
        throw Error("was written by a newer hone", {}, "update hone, or move the file away to begin anew");
      hear(event, json);
    } catch (const Json::exception& error) {
      throw Error(fmt::format("the event '{}' lacks something, or it is of another type", event), place,
                  "move the file away to begin anew");
    } catch (const Error& error) {
      throw Error(error.message(), place,
                  error.hint().empty() ? "move the file away to begin anew" : error.hint());
    }
  }

 private:
  static double real(const Json& json, const char* key) {
    try {
      return json_to_real(json.at(key));
    } catch (const Error& error) {
      throw Error(fmt::format("{}: {}", key, error.message()));
    }
  }

  void hear(const std::string& event, const Json& json) {
    if (event == "job") {
      history_.job = json;
    } else if (event == "started") {
      RecurringRun run;
      run.zeus.run = json.at("run").get<std::int64_t>();
      run.zeus.batch_size = json.at("batch_size").get<std::int64_t>();
      run.zeus.stage = stage_from_name(json.at("stage").get<std::string>()).value_or(ZeusStage::concurrent);
      run.zeus.threshold = real(json, "threshold");
      if (json.contains("eta")) run.zeus.eta = real(json, "eta");
      if (json.contains("max_power_w")) run.zeus.max_power_w = real(json, "max_power_w");
      run.recurrence = json.at("recurrence").get<std::int64_t>();
      run.tries = json.at("try").get<int>();
      history_.next_run = std::max(history_.next_run, run.zeus.run + 1);
      history_.next_recurrence = std::max(history_.next_recurrence, run.recurrence + 1);
      history_.running.push_back(std::move(run));
    } else if (event == "slice") {
      history_.profiles[json.at("batch_size").get<std::int64_t>()].add(
          {real(json, "power_limit_w"), real(json, "average_power_w"), real(json, "throughput"),
           json.value("progress", std::string())});
    } else if (event == "limits") {
      const auto run = json.at("run").get<std::int64_t>();
      history_.limits_before[run] = json.at("before");
      history_.limits_set_by[run] = json.value("by", Json());
    } else if (event == "restored") {
      history_.limits_before.erase(json.at("run").get<std::int64_t>());
      history_.limits_set_by.erase(json.at("run").get<std::int64_t>());
    } else if (event == "ended" || event == "abandoned") {
      end(event, json);
    }
    // Kinds that a later hone may add are left alone.
  }

  void end(const std::string& event, const Json& json) {
    const auto number = json.at("run").get<std::int64_t>();
    const auto found = std::find_if(history_.running.begin(), history_.running.end(),
                                    [&](const RecurringRun& run) { return run.zeus.run == number; });
    if (found == history_.running.end()) return;
    RecurringRun run = *found;
    run.zeus.over = true;
    run.ending = RunEnding::interrupted;
    if (event == "ended") {
      const auto how = json.at("how").get<std::string>();
      const auto known = std::find_if(ending_names().begin(), ending_names().end(),
                                      [&](const auto& one) { return how == one.second; });
      // To count it as anything would be a guess.
      if (known == ending_names().end()) throw Error(fmt::format("'{}' is no way for a run to end", how));
      run.ending = known->first;
      run.zeus.reached = run.ending == RunEnding::reached;
      run.zeus.energy_j = real(json, "energy_j");
      run.zeus.seconds = real(json, "seconds");
      run.total_energy_j = real(json, "total_energy_j");
      run.total_seconds = real(json, "total_seconds");
      run.power_limit_w = json.at("power_limit_w").is_null() ? kNaN : real(json, "power_limit_w");
      run.progress = real(json, "progress");
      run.measured = json.at("measured").get<bool>();
      run.source = json.at("source").get<std::string>();
      if (json.contains("reports")) run.reports = json.at("reports").get<std::vector<std::string>>();
    }
    // Removed only now: what a malformed line says of it must not lose it.
    history_.running.erase(found);
    (ending_counts(run.ending) ? history_.ended : history_.others).push_back(std::move(run));
  }

  RecurringHistory& history_;
  const std::string& file_;
};

std::string why(int error) { return std::strerror(error); }

/// A lock on bytes of a file that belongs to its open description.
struct flock byte_lock(short kind, std::int64_t at) {
  struct flock lock {};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

/// A run whose process is gone counts as neither.
void bury(RecurringHistory& history, std::size_t at) {
  RecurringRun run = std::move(history.running[at]);
  history.running.erase(history.running.begin() + static_cast<std::ptrdiff_t>(at));
  run.zeus.over = true;
  run.ending = RunEnding::interrupted;
  history.others.push_back(std::move(run));
}

/// Byte 0 is the journal's, byte 1 + N run N's.
constexpr std::int64_t run_byte(std::int64_t run) { return run + 1; }

}  // namespace

const char* ending_name(RunEnding ending) {
  for (const auto& [known, name] : ending_names())
    if (known == ending) return name;
  return "?";
}

bool ending_counts(RunEnding ending) {
  return ending != RunEnding::wrong && ending != RunEnding::interrupted;
}

std::vector<ZeusRun> RecurringHistory::runs() const {
  std::vector<ZeusRun> list;
  for (const RecurringRun& run : ended) list.push_back(run.zeus);
  for (const RecurringRun& run : running) list.push_back(run.zeus);
  return list;
}

PowerProfile RecurringHistory::profile(std::int64_t batch_size, const std::string& progress) const {
  const auto found = profiles.find(batch_size);
  return found == profiles.end() ? PowerProfile() : found->second.in_unit(progress);
}

RecurringHistory recurring_history(const std::string& text, const std::string& file) {
  RecurringHistory history;
  HistoryReader reader(history, file);
  int number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // whoever wrote it died on the way
    ++number;
    if (end > at) reader.line(text.substr(at, end - at), number);
    at = end + 1;
  }
  return history;
}

RecurringJournal::RecurringJournal(const std::string& path) : path_(path) {
  const auto cannot = [&](int error) {
    return environment_error(fmt::format("the journal {} cannot be opened: {}", path_, why(error)));
  };
  std::error_code code;
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, code);
  if (code)
    throw environment_error(
        fmt::format("the folder of the journal {} cannot be made: {}", path, code.message()));
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw cannot(errno);
  lock_fd_ = ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_fd_ < 0) {
    const int error = errno;
    ::close(fd_);
    throw cannot(error);
  }
}

RecurringJournal::~RecurringJournal() {
  ::close(fd_);
  ::close(lock_fd_);
}

void RecurringJournal::lock(bool take) {
  struct flock lock = byte_lock(take ? F_WRLCK : F_UNLCK, 0);
  // Held for a moment at a time: nobody keeps it while a command runs. A signal must not break the wait, as
  // what comes after it (the end of a run) is to be written all the more.
  while (::fcntl(lock_fd_, F_OFD_SETLKW, &lock) != 0) {
    if (errno == EINTR) continue;
    if (!take) return;
    throw environment_error(fmt::format("the journal {} cannot be locked: {}", path_, why(errno)),
                            "keep the job file on a local disk");
  }
}

RecurringHistory RecurringJournal::read() const { return recurring_history(read_file(path_), path_); }

RecurringHistory RecurringJournal::read(const std::string& path) {
  std::error_code code;
  const bool there = std::filesystem::exists(path, code);
  if (code)  // none that is there and one that cannot be looked for are not the same
    throw environment_error(fmt::format("the journal {} cannot be read: {}", path, code.message()));
  if (!there) return {};
  RecurringHistory history = recurring_history(read_file(path), path);
  for (std::size_t i = 0; i < history.running.size();) {
    if (alive(path, history.running[i].zeus.run))
      ++i;
    else
      bury(history, i);
  }
  return history;
}

void RecurringJournal::append(Json line) {
  line["time_s"] = wall_s();
  std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  // What is after the last newline was never finished.
  off_t end = ::lseek(fd_, 0, SEEK_END);
  const off_t whole = end;
  for (char last = '\0'; end > 0; --end) {
    if (::pread(fd_, &last, 1, end - 1) != 1 || last == '\n') break;
  }
  bool written = end == whole || ::ftruncate(fd_, end) == 0;
  for (std::size_t at = 0; written && at < text.size();) {
    const ssize_t size = ::write(fd_, text.data() + at, text.size() - at);
    if (size < 0 && errno == EINTR) continue;
    written = size > 0;
    at += static_cast<std::size_t>(std::max<ssize_t>(size, 0));
  }
  if (!written || ::fdatasync(fd_) != 0)
    throw environment_error(fmt::format("the journal {} cannot be written: {}", path_, why(errno)));
}

void RecurringJournal::claim(std::int64_t run) {
  struct flock lock = byte_lock(F_WRLCK, run_byte(run));
  if (::fcntl(lock_fd_, F_OFD_SETLK, &lock) != 0)
    throw environment_error(fmt::format("run {} of {} cannot be claimed: {}", run, path_, why(errno)));
}

void RecurringJournal::release(std::int64_t run) {
  struct flock lock = byte_lock(F_UNLCK, run_byte(run));
  ::fcntl(lock_fd_, F_OFD_SETLK, &lock);
}

bool RecurringJournal::alive(std::int64_t run) const { return alive(path_, run); }

bool RecurringJournal::alive(const std::string& path, std::int64_t run) {
  // Asked through a description of its own: a lock is no obstacle to the one that holds it.
  const int fd = ::open((path + ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno != ENOENT;  // not known to be dead
  struct flock lock = byte_lock(F_WRLCK, run_byte(run));
  const bool held = ::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
  ::close(fd);
  return held;
}

void RecurringJournal::give_up_dead(RecurringHistory& history) {
  for (std::size_t i = 0; i < history.running.size();) {
    const std::int64_t run = history.running[i].zeus.run;
    if (alive(run)) {
      ++i;
      continue;
    }
    append(Json{{"event", "abandoned"}, {"run", run}});
    bury(history, i);
  }
}

}  // namespace hone::cost
