#include "hone/study/check.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/study/audit.h"
#include "hone/study/reading.h"
#include "hone/study/sqlite_file.h"
#include "hone/study/study.h"

namespace hone::study {
namespace {

constexpr std::size_t kMostListed = 100;
constexpr int kMostComplaints = 20;
/// A lease is renewed every few seconds for a minute; one for longer than this was not written by hone.
constexpr double kLongestLease_s = 86400.0;

std::int64_t bytes_of(const std::string& path) {
  std::error_code code;
  std::int64_t bytes = 0;
  for (const char* ending : {"", "-wal"}) {
    const auto size = std::filesystem::file_size(path + ending, code);
    if (!code) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

/// Faults of one kind, joined to one problem.
struct Faults {
  std::vector<std::int64_t> events;
  std::int64_t count = 0;
  std::string example;
  void add(std::int64_t sequence, const std::string& what) {
    if (events.size() < kMostListed) events.push_back(sequence);
    if (++count == 1) example = what;
  }
};

constexpr std::size_t kNamed = 5;

std::string of_events(const Faults& faults) {
  const std::vector<std::int64_t> first(
      faults.events.begin(),
      faults.events.begin() + static_cast<std::ptrdiff_t>(std::min(faults.events.size(), kNamed)));
  std::string text =
      fmt::format("{} event{} ({}", faults.count, faults.count == 1 ? "" : "s", fmt::join(first, ", "));
  if (faults.count > static_cast<std::int64_t>(first.size())) text += ", ...";
  return text + ")";
}

/// Numbers that are missing, as ranges.
struct Gaps {
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;  // the first ones
  std::int64_t count = 0, n_ranges = 0;
  std::vector<std::int64_t> events;
  void add(std::int64_t first, std::int64_t last) {
    if (ranges.size() < kNamed) ranges.emplace_back(first, last);
    ++n_ranges;
    count += last - first + 1;
    for (std::int64_t i = first; i <= last && events.size() < kMostListed; ++i) events.push_back(i);
  }
  std::string text() const {
    std::vector<std::string> words;
    for (const auto& [first, last] : ranges)
      words.push_back(first == last ? fmt::format("{}", first) : fmt::format("{} to {}", first, last));
    return fmt::format("{} event{} ({}{})", count, count == 1 ? "" : "s", fmt::join(words, ", "),
                       n_ranges > static_cast<std::int64_t>(ranges.size()) ? ", ..." : "");
  }
};

/// All that is gathered about one store.
class Check {
 public:
  explicit Check(const std::string& path) : reading_(path, Reading::Access::shared) {
    report_.path = path;
    report_.bytes = bytes_of(path);
    report_.content = reading_.content();
    report_.format = reading_.format();
  }

  CheckReport run() {
    check_file();
    if (reading_.has_table("journal")) {
      check_journal();
      check_leases();
      check_views();
    }
    report_.sound = report_.problems.empty();
    return std::move(report_);
  }

 private:
  void add(Defect problem) { report_.problems.push_back(std::move(problem)); }

  /// What SQLite itself says, and whether this is a store at all.
  void check_file() {
    if (!reading_.unreadable().empty()) {
      add({"file",
           fmt::format("SQLite cannot read the file: {}", reading_.unreadable()),
           "the study cannot be opened",
           "every event that its pages still hold is read from them directly",
           {}});
      unread_ = true;
      return;
    }
    const bool empty = !reading_.has_table("journal");
    if (reading_.application_id() != SqliteFile::kApplicationId) {
      if (empty && reading_.count("sqlite_master") > 0)
        throw Error("is an SQLite file, but not a store of hone", Place{report_.path, 0, ""});
      if (!empty)
        add({"file",
             "the file does not say that it is a store of hone",
             "hone refuses to open it",
             "the new file says so",
             {}});
    }
    if (reading_.format() > SqliteFile::kFormat)
      throw Error(fmt::format("was written by a newer hone (format {}, this one knows {})", reading_.format(),
                              SqliteFile::kFormat),
                  Place{report_.path, 0, ""}, "use the newer program");
    if (empty)
      add({"file",
           "there is no journal in the file",
           "the study is not there; where its log (the same name with -wal) was moved or removed, put it "
           "back "
           "beside the file",
           "every event that its pages still hold is read from them directly",
           {}});
    const auto complaints = reading_.integrity(kMostComplaints);
    std::vector<std::string> index, pages;
    for (const std::string& complaint : complaints)
      (complaint.find("journal_trial") != std::string::npos ? index : pages).push_back(complaint);
    if (!pages.empty()) {
      unread_ = true;
      add({"pages",
           fmt::format("pages of the file are damaged: {}{}", pages.front(),
                       pages.size() > 1 ? fmt::format(" (and {} more complaints)", pages.size() - 1) : ""),
           "the events on them cannot be read, and the study ends with an error where it meets them",
           "the other events are read, those that the file's tree has lost from their pages directly",
           {}});
    }
    if (!index.empty())
      add({"index",
           fmt::format("the index of trials is damaged: {}", index.front()),
           "single trials are shown without some of their events",
           "the index is made anew",
           {}});
    if (report_.format == 1)
      report_.remarks.emplace_back(
          "the format is that of an earlier hone; it is brought to the present one when "
          "the store is next opened to be written");
    else if (!empty && pages.empty() && !reading_.has_index("journal_trial"))
      add({"index",
           "there is no index of the journal by trial",
           "single trials are found slowly",
           "the index is made anew",
           {}});
    for (const char* table : {"leases", "views"})
      if (!empty && pages.empty() && report_.format == SqliteFile::kFormat && !reading_.has_table(table))
        add({"file",
             fmt::format("the table '{}' is missing", table),
             "hone cannot open the store",
             "the table is made anew",
             {}});
    if (reading_.has_table("damaged")) report_.set_aside = reading_.count("damaged");
  }

  void check_journal() {
    std::map<std::string, Faults> faults;
    Faults lost_trials, strays;
    Gaps gaps;
    Audit audit(
        {.keep = {},
         .set_aside = [&](const Event& event,
                          const Audit::Fault& fault) { faults[fault.kind].add(event.sequence, fault.what); },
         .missing = [&](std::int64_t first, std::int64_t last, double) { gaps.add(first, last); },
         .lost_trial = [&](std::int64_t trial, std::int64_t) { lost_trials.add(trial, ""); }});
    const std::int64_t unread =
        reading_.scan([&](const Event& event) { audit.take(event, reading_.has_trial_column()); });
    reading_.strays([&](const Event& event) { strays.add(event.sequence, ""); });
    audit.finish();
    report_.events = audit.events();
    report_.last = audit.last();
    report_.sessions = audit.sessions();
    report_.last_end = audit.last_end();
    report_.late = audit.late();
    report_.unknown = audit.unknown();
    report_.n_trials = static_cast<std::int64_t>(audit.trials().size());
    for (const auto& life : audit.trials()) ++report_.trials[state_name(life.state)];
    lives_ = audit.trials();
    journal_sound_ =
        faults.empty() && gaps.count == 0 && strays.count == 0 && unread == 0 && audit.has_header();

    if (!audit.has_header())
      add({"header",
           "the first event, which says what the study is, is lost or malformed",
           "the study cannot be opened",
           "it is made anew from the study file",
           {}});
    if (unread > 0 && !unread_)
      add({"pages",
           "some pages of the journal cannot be read",
           "the study cannot be read beyond them",
           "the other events are read",
           {}});
    if (strays.count > 0)
      add({"event",
           fmt::format("{} numbered more than {} beyond the one before, which is {}", of_events(strays),
                       kWidestGap, audit.last()),
           "the study cannot be opened",
           "they are set aside (table 'damaged'), and the study is read without them", strays.events});
    if (gaps.count > 0)
      add({"gap", fmt::format("{} missing from the journal", gaps.text()),
           "the study cannot be opened; what these events said is lost where their pages are",
           "their numbers are taken by events that say nothing; what can be read from pages that the file's "
           "tree "
           "has lost is taken back",
           gaps.events});
    if (const Faults& broken = faults["event"]; broken.count > 0)
      add({"event", fmt::format("{} malformed; the first {}", of_events(broken), broken.example),
           "the study cannot be opened",
           "they are set aside (table 'damaged'), and the study is read without them", broken.events});
    if (const Faults& wrong = faults["order"]; wrong.count > 0)
      add({"order", fmt::format("{} contradict those before; the first {}", of_events(wrong), wrong.example),
           "the study cannot be opened",
           "they are set aside (table 'damaged'), and the study is read without them", wrong.events});
    if (lost_trials.count > 0)
      add({"lost",
           fmt::format("the proposals of {} trial{} are lost (trial {}{})", lost_trials.count,
                       lost_trials.count == 1 ? "" : "s", lost_trials.events.front(),
                       lost_trials.count > 1 ? ", ..." : ""),
           "their configs are not known, so that their results mean nothing",
           "they are deleted, and their other events set aside", faults["lost"].events});
    if (audit.wrong_columns() > 0)
      add({"column",
           fmt::format("{} events are filed under another trial than the one they speak of",
                       audit.wrong_columns()),
           "single trials are shown with wrong events",
           "they are filed anew",
           {}});
  }

  void check_leases() {
    const double now = reading_.now_s();
    std::vector<std::int64_t> orphans;
    std::vector<bool> held(lives_.size(), false);
    const auto bad = [&](const Reading::LeaseRow& row, const std::string& what, const std::string& means) {
      add({"lease", fmt::format("the lease '{}' {}", row.name, what), means, "it is removed", {}});
    };
    for (const auto& row : reading_.lease_rows()) {
      if (row.expires_s == 0.0) continue;  // given back
      const bool absurd = !(row.expires_s > 0.0 && row.expires_s < now + kLongestLease_s) || row.token < 1;
      if (row.name == "ask" || row.name == "create") {
        if (absurd)
          bad(row, "is held for ever", "nobody can propose trials");
        else if (row.expires_s > now)
          ++report_.held;
        continue;
      }
      char* end = nullptr;
      const std::int64_t id =
          row.name.starts_with("trial/") ? std::strtoll(row.name.c_str() + 6, &end, 10) : -1;
      if (id < 0 || end == row.name.c_str() + 6 || *end != '\0') {
        bad(row, "is none that hone takes", "nothing: nobody looks at it");
        continue;
      }
      if (id >= static_cast<std::int64_t>(lives_.size())) {
        if (journal_sound_)
          bad(row,
              fmt::format("is for a trial that the journal does not have (it ends with trial {})",
                          static_cast<std::int64_t>(lives_.size()) - 1),
              "the journal's last events are lost: a log (the name with -wal) that was not copied along, or "
              "a "
              "power cut");
        continue;
      }
      const auto& life = lives_[static_cast<std::size_t>(id)];
      if (life.state != TrialState::running) {
        bad(row, fmt::format("is held by {}, but the trial is {}", row.holder, state_name(life.state)),
            "nothing: nobody looks at it");
      } else if (absurd) {
        held[static_cast<std::size_t>(id)] = true;
        bad(row, fmt::format("is held by {} for ever", row.holder),
            "the trial waits for a worker that is gone");
      } else {
        held[static_cast<std::size_t>(id)] = true;
        if (row.expires_s > now)
          ++report_.held;
        else
          report_.remarks.push_back(
              fmt::format("the lease of trial {} has expired: worker {} is gone, and the next search gives "
                          "the trial back",
                          id, row.holder));
      }
    }
    Faults running;
    for (std::size_t id = 0; id < lives_.size(); ++id)
      if (lives_[id].state == TrialState::running && !held[id])
        running.add(static_cast<std::int64_t>(id), "");
    if (running.count > 0)
      add({"orphan",
           running.count == 1
               ? fmt::format("trial {} runs, but nobody holds its lease", running.events.front())
               : fmt::format("{} trials run, but nobody holds their leases (trial {}, ...)", running.count,
                             running.events.front()),
           "a search waits for their ends, which never come",
           "they wait to be run again",
           {}});
  }

  /// Views are only there to spare reading; wrong ones show a study that is not so.
  void check_views() {
    constexpr const char* kName = "study";
    const auto view = reading_.saved_view(kName);
    if (view && view->sequence > report_.last && journal_sound_) {
      add({"view",
           fmt::format("the saved views know {} events, the journal has {}", view->sequence, report_.last),
           "the journal's last events are lost: a log (the name with -wal) that was not copied along, or a "
           "power "
           "cut",
           "the views are made anew; what is lost stays lost",
           {}});
      return;
    }
    if (!journal_sound_) return;  // what they should say cannot be told
    const std::string redo = "the views are made anew from the journal";
    const auto captured = [&](Study& study) {
      study.save_views();
      return reading_.captured() ? Json::parse(reading_.captured()->payload) : Json();
    };
    // The store outlives the studies that borrow it.
    const std::shared_ptr<Store> store(&reading_, [](Store*) {});
    Json now;
    try {
      Study whole(store);
      reading_.show_view(std::nullopt);
      if (view) {
        reading_.end_at(view->sequence);
        whole.sync();
        const Json then = captured(whole);
        const Json saved = Json::parse(view->payload, nullptr, false);
        std::string differing = difference(saved, then);
        if (saved.is_object() && then.is_object() && saved.contains("version") &&
            saved["version"] != then["version"]) {
          differing.clear();
          report_.remarks.push_back(
              "the saved views are another hone's: they are not used, and the next search makes them anew");
        }
        if (!differing.empty())
          add({"view",
               fmt::format("the saved views differ from what the journal says at event {}: {}",
                           view->sequence, differing),
               "hone status and others show what is not so",
               redo,
               {}});
        reading_.end_at(report_.last);
        if (!differing.empty()) return;
      }
      whole.sync();
      now = captured(whole);
      report_.trials.clear();
      for (std::size_t i = 0; i < kTrialStates; ++i)
        if (const auto n = whole.count(static_cast<TrialState>(i)); n > 0)
          report_.trials[state_name(static_cast<TrialState>(i))] = n;
    } catch (const Error& error) {
      add({"study",
           fmt::format("the journal cannot be applied: {}", error.message()),
           "the study cannot be opened",
           "",
           {}});
      return;
    }
    if (!view) return;
    try {
      reading_.show_view(view);
      Study light(store, Study::Depth::light);
      light.sync();
      reading_.show_view(std::nullopt);
      light.save_views();
      // Where nothing came after the views, they are what was compared above.
      const Json shown = Json::parse(reading_.captured()->payload);
      if (const std::string differing = difference(shown, now); !differing.empty())
        add({"view",
             fmt::format("read from its views, the study differs: {}", differing),
             "hone status and others show what is not so",
             redo,
             {}});
    } catch (const std::exception& error) {
      add({"view",
           fmt::format("the saved views cannot be used: {}", error.what()),
           "opening takes longer",
           redo,
           {}});
    }
  }

  /// The members in which two views differ, in words; "" where they are equal.
  static std::string difference(const Json& a, const Json& b) {
    if (!a.is_object()) return "they are malformed";
    std::vector<std::string> names;
    for (const auto& [name, value] : b.items())
      if (!a.contains(name) || a.at(name) != value) names.push_back(name);
    for (const auto& [name, value] : a.items())
      if (!b.contains(name)) names.push_back(name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  Reading reading_;
  CheckReport report_;
  bool unread_ = false;
  bool journal_sound_ = false;
  std::vector<Audit::TrialLife> lives_;
};

}  // namespace

CheckReport check_store(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code))
    throw Error("there is no such store", Place{path, 0, ""}, "run hone search, or name it with --store");
  return Check(path).run();
}

}  // namespace hone::study
