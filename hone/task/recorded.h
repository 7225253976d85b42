#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/task/benchmark.h"
#include "hone/task/table.h"

namespace hone::task {

/// How a recorded table is used.
struct RecordedUse {
  /// Columns that are measures, where the description does not say.
  std::vector<std::string> measures = {};
  /// Further tables of the same configurations (latencies, say), whose measures come along.
  std::vector<std::string> beside = {};
  /// A trial's value: the mean over the recorded seeds, or one of them, drawn by (trial's seed, row).
  bool each_seed = false;
  /// A config that was not recorded gets the nearest row's values; false: it fails.
  bool nearest = true;
  /// The measure that says how many seconds an evaluation took (a whole one, where there are steps); "":
  /// runtime_s where there is one. Without it a step, or the evaluation of a table without steps, takes 1 s.
  std::string cost = {};
  /// What is optimised by default; empty: the first metric.
  std::vector<std::string> objectives = {};
};

/// A recorded table as a benchmark. Where not every config of the space is recorded, it also measures `row`:
/// which row answered, from 0.
class Recorded final : public Benchmark {
 public:
  /// Reads the tables. Throws Error (see Table::read), and where those beside have not all of the rows.
  Recorded(const std::string& path, RecordedUse use);
  /// Of a table in memory, and others beside it.
  Recorded(std::string name, std::vector<std::shared_ptr<const Table>> tables, RecordedUse use);

  const std::string& name() const override { return name_; }
  const std::string& title() const override { return title_; }
  const space::Space& space() const override { return tables_.front()->space(); }
  const std::vector<study::Objective>& objectives() const override { return objectives_; }
  const std::vector<study::Limit>& limits() const override { return limits_; }
  std::int64_t horizon() const override { return horizon_; }
  Evaluation evaluate(const space::Config& config, std::uint64_t seed, std::int64_t fidelity) const override;
  std::optional<double> optimum() const override { return optimum_; }
  std::optional<double> median() const override { return median_; }
  std::vector<std::vector<double>> front() const override { return front_; }
  std::vector<double> reference() const override { return reference_; }

  const Table& table() const { return *tables_.front(); }
  /// The measures of a row as evaluate() gives them, by the mean over seeds.
  Evaluation at_row(std::size_t row, std::int64_t fidelity) const;
  /// The row that answers for a config, the nearest one where that is allowed; nullopt: it was not recorded.
  /// Goes through all rows where configs are not those of a grid. Throws Error as Table::find does.
  std::optional<std::size_t> row_of(const space::Config& config) const;
  /// evaluate() of a config whose row is known.
  Evaluation at_row(std::optional<std::size_t> row, std::uint64_t seed, std::int64_t fidelity) const;
  /// Names of all measures with their units and directions.
  struct Measure {
    std::string name, unit;
    bool minimize = true;
  };
  const std::vector<Measure>& measures() const { return measures_; }
  bool has_steps() const { return steps_; }

 private:
  struct Source {
    std::size_t table = 0, metric = 0;
  };
  void join();
  void summarise();
  /// `seed` null: the mean.
  Evaluation answer(std::size_t row, const std::uint64_t* seed, std::int64_t fidelity) const;
  double cell(const Source& source, std::size_t row, const std::uint64_t* seed, std::int64_t fidelity) const;

  std::string name_, title_;
  std::vector<std::shared_ptr<const Table>> tables_;
  std::vector<std::vector<std::uint32_t>> rows_;  // of the tables beside: the row for a row of the first
  RecordedUse use_;
  std::vector<Measure> measures_;
  std::vector<Source> sources_;
  std::vector<study::Objective> objectives_;
  std::vector<std::size_t> objective_sources_;
  std::vector<study::Limit> limits_ = {};
  std::optional<std::size_t> cost_;  // index into measures_
  std::int64_t horizon_ = 1;
  bool steps_ = false;
  std::optional<double> optimum_, median_;
  std::vector<std::vector<double>> front_;
  std::vector<double> reference_;
};

}  // namespace hone::task
