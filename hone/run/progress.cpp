#include "hone/run/progress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/display.h"
#include "hone/base/numbers.h"
#include "hone/base/units.h"
#include "hone/run/saved.h"

namespace hone::run {

using study::TrialState;

Progress::Progress(Out out, bool terminal, int columns, double plain_every_s)
    : out_(std::move(out)),
      terminal_(terminal),
      columns_(std::max(40, columns)),
      plain_every_s_(plain_every_s) {}

std::string Progress::block(const study::Study& study, const Budget& budget, double now) const {
  const double elapsed = study.elapsed_s(now);
  std::string time = duration_text(elapsed);
  if (budget.time_s) time += " of " + duration_text(*budget.time_s);

  // How much is left: by time, or by the rate of trials so far.
  double share = 0.0;
  double left = kInfinity;
  if (budget.time_s && *budget.time_s > 0) {
    share = elapsed / *budget.time_s;
    left = std::max(0.0, *budget.time_s - elapsed);
  }
  if (budget.trials) {
    const double done = static_cast<double>(study.size()) / static_cast<double>(*budget.trials);
    share = std::max(share, done);
    if (study.size() > 0 && done < 1.0) left = std::min(left, elapsed / done - elapsed);
  }
  const auto paid = [&](double spent, double bound) {
    share = std::max(share, spent / bound);
    if (spent > 0.0 && spent < bound) left = std::min(left, elapsed * (bound / spent - 1.0));
  };
  if (budget.proposals) paid(static_cast<double>(study.proposals()), static_cast<double>(*budget.proposals));
  if (budget.steps) paid(static_cast<double>(study.spending().units()), static_cast<double>(*budget.steps));
  for (const auto& [name, bound] : budget.spend.entries()) paid(study.spending().total(name), bound);
  const double rate = elapsed > 0 ? static_cast<double>(study.size()) / elapsed : 0.0;

  std::vector<std::string> states;
  for (TrialState state :
       {TrialState::running, TrialState::waiting, TrialState::paused, TrialState::completed,
        TrialState::pruned, TrialState::infeasible, TrialState::failed, TrialState::stale})
    if (study.count(state) > 0) states.push_back(fmt::format("{} {}", study.count(state), state_name(state)));

  const bool several = study.objectives().size() > 1;
  std::string front =
      several ? fmt::format("front {}", study.front().members().size()) : std::string("best so far");
  if (!several && study.front().members().empty()) front += " -";
  if (!study.front().members().empty()) {
    for (std::size_t i = 0; i < study.objectives().size(); ++i) {
      double low = kInfinity, high = -low;
      for (const auto& member : study.front().members()) {
        const double value = study.objectives()[i].minimize ? member.values[i] : -member.values[i];
        low = std::min(low, value);
        high = std::max(high, value);
      }
      const std::string& name = study.objectives()[i].name;
      front += fmt::format("   {} {}", name, quantity_text(name, low));
      if (high > low) front += " .. " + quantity_text(name, high);
    }
  }
  const auto& saved = study.saved();

  const std::string trials =
      budget.trials ? fmt::format("{} of {}", study.size(), *budget.trials) : std::to_string(study.size());
  const std::string rest =
      std::isfinite(left) ? fmt::format("   {} left", duration_text(left)) : std::string();
  const std::string known =
      study.known_in_a_row() >= kKnownInARow
          ? fmt::format("   the last {} candidates were all known", study.known_in_a_row())
          : std::string();
  if (!terminal_)
    return fmt::format("{}  trials {}{}  {:.2f}/s  {}  saved {}{}{}", time, trials,
                       states.empty() ? "" : fmt::format(" ({})", fmt::join(states, ", ")), rate, front,
                       saved.evaluations() + saved.over_limit, rest, known);

  constexpr int kBar = 30;
  std::string bar;
  if (budget.time_s || budget.trials || budget.proposals || budget.steps || !budget.spend.empty()) {
    const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * kBar);
    bar = fmt::format("[{}{}] ", std::string(static_cast<std::size_t>(full), '#'),
                      std::string(static_cast<std::size_t>(kBar - full), '.'));
  }
  return fmt::format(
      "{}{}{}\ntrials {}   {}   {:.2f}/s\n{}\nsaved {} evaluations: {} same config, {} same function, {} "
      "over a limit{}",
      bar, time, rest, trials, fmt::join(states, ", "), rate, front, saved.evaluations() + saved.over_limit,
      saved.repeated_config, saved.same_structure + saved.same_function, saved.over_limit, known);
}

void Progress::draw(const study::Study& study, const Budget& budget, double now, bool force) {
  if (began_ < 0) began_ = now;
  const double every = terminal_ ? 0.1 : plain_every_s_;
  if (!force && now - last_ < every) return;
  last_ = now;
  const std::string text = block(study, budget, now);
  if (!terminal_) {
    out_(text + "\n");
    return;
  }
  // Up to the block's first line, then every line anew, cut at the terminal's edge so that none wraps.
  std::string drawn = lines_ > 0 ? fmt::format("\x1b[{}A", lines_) : "";
  lines_ = 0;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const auto line = std::string_view(text).substr(start, end - start);
    drawn += "\r\x1b[K" + cut_to_width(line, static_cast<std::size_t>(columns_ - 1)) + "\n";
    ++lines_;
    start = end + 1;
  }
  out_(drawn);
}

void Progress::clear() {
  if (!terminal_ || lines_ == 0) return;
  out_(fmt::format("\x1b[{}A\x1b[J", lines_));
  lines_ = 0;
}

}  // namespace hone::run
