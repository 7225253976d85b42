#include "hone/run/power_control.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include "hone/base/error.h"
#include "hone/cost/nvml.h"
#include "hone/task/command_lines.h"
#include "hone/task/command_run.h"

namespace hone::run {
namespace {

namespace fs = std::filesystem;

/// How long a command of the user's may take: training goes on unwatched meanwhile.
constexpr double kPowerCommand_s = 10.0;

bool same_now(PowerControl& control, const Json& before) {
  try {
    return control.current() == before;
  } catch (const Error&) {
    return false;
  }
}

/// No device has more, so that watts and microwatts are told apart.
constexpr double kMostWatts = 1e5;

/// Of what is to be put back. Throws Error where a journal holds something else.
void check_shape(bool right, const Json& before) {
  if (!right)
    throw environment_error(fmt::format("{} is no power limit that could be put back", before.dump()));
}

/// Whether that is a list of so many numbers from `low` to `high`, or 0, which is not put back.
bool is_list(const Json& before, std::size_t size, double low, double high) {
  return before.is_array() && before.size() == size &&
         std::all_of(before.begin(), before.end(), [&](const Json& one) {
           if (!one.is_number()) return false;
           const auto value = one.get<double>();
           return value == 0.0 || (value >= low && value <= high);
         });
}

/// The first error of several steps that are all tried.
class FirstError {
 public:
  template <typename Step>
  void of(Step step) {
    try {
      step();
    } catch (const Error& error) {
      if (!first_) first_ = error;
    }
  }
  void raise() const {
    if (first_) throw *first_;
  }

 private:
  std::optional<Error> first_;
};

/// The number in a text that is one number and perhaps a label before it ("Power limit: 270.5 W").
std::optional<double> only_watts(const std::string& text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  std::string rest = text;
  while (!rest.empty() && space(rest.back())) rest.pop_back();
  if (rest.ends_with('W')) rest.pop_back();
  while (!rest.empty() && space(rest.back())) rest.pop_back();
  const std::size_t last = rest.find_last_of(": \t\n");
  const std::string label = last == std::string::npos ? "" : rest.substr(0, last + 1);
  if (label.find_first_of("0123456789\n") != std::string::npos) return std::nullopt;
  const std::string number = rest.substr(label.size());
  double watts = 0.0;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), watts);
  if (code != std::errc() || end != number.data() + number.size() || !std::isfinite(watts))
    return std::nullopt;
  return watts;
}

/// The user's own commands.
class CommandPower final : public PowerControl {
 public:
  CommandPower(const RecurringJob& job, std::function<bool()> interrupted)
      : job_(job), interrupted_(std::move(interrupted)) {}

  Json current() override {
    if (job_.power.get.empty()) return job_.power.limits_w.front();
    const std::string said = run(job_.power.get, "", interrupted_);
    const double watts = only_watts(said).value_or(0.0);
    if (!(watts > 0.0))
      throw environment_error(
          fmt::format("'{}' printed no power limit: {}", fmt::join(job_.power.get, " "),
                      task::printable(said, 200)),
          "it is to print one number of watts above 0 and nothing else, so that no other number "
          "is put back");
    return watts;
  }
  void set(double watts) override { set_one(watts, interrupted_); }
  Json whose() const override { return {{"via", "command"}}; }
  void restore(const Json& before) override {
    check_shape(has_shape(before), before);
    set_one(before.get<double>(), {});
  }
  bool is_now(const Json& before) override { return !job_.power.get.empty() && same_now(*this, before); }

 protected:
  bool has_shape(const Json& before) const override {
    return before.is_number() && before.get<double>() > 0.0;
  }

 private:
  void set_one(double watts, const std::function<bool()>& interrupted) const {
    run(job_.power.set, fmt::format("{:.0f}", watts), interrupted);
  }
  std::string run(std::vector<std::string> words, const std::string& watts,
                  const std::function<bool()>& interrupted) const {
    for (std::string& word : words)
      for (std::size_t at; (at = word.find("{watts}")) != std::string::npos;) word.replace(at, 7, watts);
    task::Launch launch;
    try {
      launch.program = job_.command->program(words[0]);
    } catch (const Error& error) {  // it is gone since the file was read; the place is the run's
      throw Error(error.message(), Place{job_.path, 0, watts.empty() ? "power.get" : "power.set"},
                  error.hint(), Fault::environment);
    }
    launch.arguments = words;
    for (char** entry = environ; *entry != nullptr; ++entry) launch.environment.emplace_back(*entry);
    launch.folder = job_.folder;
    launch.apart = true;
    std::string said, printed;  // the second without what it says beside, on standard error
    task::RunEars ears;
    ears.output = [&](std::string_view bytes) {
      if (said.size() < 4096) said += bytes;
    };
    ears.apart = [&](std::string_view bytes) {
      ears.output(bytes);
      if (printed.size() < 4096) printed += bytes;
    };
    ears.interrupted = interrupted;
    task::RunRules rules;
    rules.time_s = kPowerCommand_s;
    rules.grace_s = 1.0;
    const task::RunEnd end = task::run_program(launch, rules, ears);
    while (!said.empty() && said.back() == '\n') said.pop_back();
    if (end.how != task::RunEnd::How::ended || !WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0)
      throw environment_error(fmt::format("'{}' failed{}{}", fmt::join(words, " "),
                                          end.how == task::RunEnd::How::over_time
                                              ? fmt::format(": it took over {:g} s", kPowerCommand_s)
                                          : end.how == task::RunEnd::How::interrupted ? ": interrupted"
                                                                                      : "",
                                          said.empty() ? "" : ": " + task::printable(said, 300)),
                              "[power] set and get are commands that must work for you by hand");
    return printed;
  }

  const RecurringJob& job_;
  std::function<bool()> interrupted_;
};

/// NVIDIA's management library.
class NvmlPower final : public PowerControl {
 public:
  explicit NvmlPower(const RecurringJob& job) : nvml_(cost::Nvml::open()), gpus_(job.power.gpus) {
    if (!nvml_)
      throw environment_error("via = \"nvml\" finds no GPU of NVIDIA's on this machine",
                              "set = [...] names a command of your own");
    for (int gpu = 0; job.power.gpus.empty() && gpu < nvml_->count(); ++gpu) gpus_.push_back(gpu);
    for (const int gpu : gpus_) {
      const auto range = nvml_->power_limit_range_w(gpu);
      if (!range) throw environment_error(fmt::format("GPU {} tells no power limits", gpu));
      for (const double limit : job.power.limits_w)
        if (limit < range->first || limit > range->second)
          throw Error(fmt::format("GPU {} takes limits from {:.0f} to {:.0f} W, not {} W", gpu, range->first,
                                  range->second, real_text(limit)),
                      Place{job.path, 0, "power.limits_w"});
    }
  }
  Json current() override {
    Json list = Json::array();
    for (const int gpu : gpus_) {
      const auto watts = nvml_->power_limit_w(gpu);
      if (!watts) throw environment_error(fmt::format("the power limit of GPU {} cannot be read", gpu));
      list.push_back(*watts);
    }
    return list;
  }
  void set(double watts) override {
    for (const int gpu : gpus_) set_one(gpu, watts);
  }
  void restore(const Json& before) override {
    check_shape(has_shape(before), before);
    FirstError errors;
    for (std::size_t i = 0; i < gpus_.size(); ++i)
      if (const double watts = before[i].get<double>();
          watts > 0.0 && nvml_->power_limit_w(gpus_[i]).value_or(0.0) != watts)
        errors.of([&] { set_one(gpus_[i], watts); });
    errors.raise();
  }
  Json whose() const override { return {{"via", "nvml"}, {"gpus", gpus_}}; }
  bool is_now(const Json& before) override { return same_now(*this, before); }

 protected:
  bool has_shape(const Json& before) const override { return is_list(before, gpus_.size(), 1.0, kMostWatts); }

 private:
  void set_one(int gpu, double watts) const {
    if (const std::string why = nvml_->set_power_limit(gpu, watts); !why.empty())
      throw environment_error(
          fmt::format("the power limit of GPU {} cannot be set to {:.0f} W: {}", gpu, watts, why),
          "it wants root, or a command in [power] set that has the right to");
  }

  std::optional<cost::Nvml> nvml_;
  std::vector<int> gpus_;
};

/// The kernel's powercap files: the long-term limit of every processor package, each an equal share.
class PowercapPower final : public PowerControl {
 public:
  explicit PowercapPower(const RecurringJob& job) {
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(job.power.powercap, code)) {
      std::string name;
      std::ifstream(entry.path() / "name") >> name;
      if (entry.path().filename().string().starts_with("intel-rapl-mmio"))
        continue;  // the same package again
      const fs::path file = entry.path() / "constraint_0_power_limit_uw";
      if (name.starts_with("package") && fs::exists(file, code)) files_.push_back(file);
    }
    std::sort(files_.begin(), files_.end());
    if (files_.empty())
      throw environment_error(
          fmt::format("there are no power limits of processors in {}", job.power.powercap),
          "set = [...] names a command of your own");
  }
  Json current() override {
    Json list = Json::array();
    for (const fs::path& file : files_) list.push_back(read(file));
    return list;
  }
  void set(double watts) override {
    for (const fs::path& file : files_)
      write(file, std::llround(watts * 1e6 / static_cast<double>(files_.size())));
  }
  void restore(const Json& before) override {
    check_shape(has_shape(before), before);
    FirstError errors;
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (const auto microwatts = before[i].get<std::int64_t>(); microwatts > 0)
        errors.of([&] {
          if (read(files_[i]) != microwatts) write(files_[i], microwatts);
        });
    errors.raise();
  }
  Json whose() const override {
    Json by{{"via", "powercap"}, {"files", Json::array()}};
    for (const fs::path& file : files_) by["files"].push_back(fs::absolute(file).lexically_normal().string());
    return by;
  }
  bool is_now(const Json& before) override { return same_now(*this, before); }

 protected:
  bool has_shape(const Json& before) const override {
    return is_list(before, files_.size(), 1e4, kMostWatts * 1e6);
  }

 private:
  static std::int64_t read(const fs::path& file) {
    std::int64_t microwatts = 0;
    if (!(std::ifstream(file) >> microwatts))
      throw environment_error(fmt::format("{} cannot be read", file.string()), "it wants root");
    return microwatts;
  }
  static void write(const fs::path& file, std::int64_t microwatts) {
    std::ofstream stream(file);
    if (!(stream << microwatts << std::flush))
      throw environment_error(fmt::format("{} cannot be written", file.string()), "it wants root");
  }

  std::vector<fs::path> files_;
};

}  // namespace

std::unique_ptr<PowerControl> make_power_control(const RecurringJob& job, std::function<bool()> interrupted) {
  if (job.power.via == "command") return std::make_unique<CommandPower>(job, std::move(interrupted));
  if (job.power.via == "nvml") return std::make_unique<NvmlPower>(job);
  if (job.power.via == "powercap") return std::make_unique<PowercapPower>(job);
  return nullptr;
}

std::string power_limit_text(const Json& before, const Json& by) {
  const std::string via = by.is_object() ? json_text(by, "via") : "";
  const auto one = [&](const Json& value) {
    if (!value.is_number()) return value.dump();
    return real_text(via == "powercap" ? value.get<double>() * 1e-6 : value.get<double>());
  };
  std::vector<std::string> limits;
  if (before.is_array())
    for (const Json& value : before) limits.push_back(one(value));
  else
    limits.push_back(one(before));
  std::string text = fmt::format("{}{}", fmt::join(limits, ", "), via.empty() ? "" : " W");
  for (const char* key : {"gpus", "files"})
    if (by.is_object() && by.contains(key)) text += fmt::format(" of {} {}", key, by[key].dump());
  return via.empty() ? text : fmt::format("{}, via {}", text, via);
}

std::string lost_limit_text(const RecurringJob& job, std::int64_t run, const Json& before, const Json& by) {
  const std::string what = fmt::format("run {} was killed under a power limit; before it there was {}", run,
                                       power_limit_text(before, by));
  if (job.power.via == "none")
    return what +
           "; the job file has no [power] any more, which it takes to put that back: until it is there "
           "again for a run, the limit stays";
  return fmt::format("{}; [power] is now via {}, on something else: put it back by hand", what,
                     job.power.via);
}

std::string lowered_limit_text(const RecurringJob& job, const Json& present) {
  const Json list = present.is_array() ? present : Json::array({present});
  for (const Json& one : list) {
    if (!one.is_number()) continue;
    double watts = one.get<double>();
    if (job.power.via == "powercap") watts *= 1e-6 * static_cast<double>(list.size());
    for (const double limit : job.power.limits_w)
      if (limit != job.power.limits_w.front() && std::abs(watts - limit) < 0.5)
        return fmt::format(
            "the power limit is {} W before anything was set, which is one of limits_w below the highest: "
            "another job may "
            "have set or left it, and this one will put it back as it was; jobs that share a device are not "
            "to run at "
            "the same time",
            real_text(limit));
  }
  return {};
}

}  // namespace hone::run
