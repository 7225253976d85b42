#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hone/task/benchmark.h"
#include "hone/task/cell_classes.h"
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
  /// A row that lacks it takes what the others' median is.
  std::string cost = {};
  /// Whether configs are cells whose function can be computed: "nasbench201", "none", or "auto": where the
  /// table's columns are those of NAS-Bench-201 (cell_spaces.h).
  std::string cell = "auto";
  /// What is optimised by default; empty: the first metric, but where that says what an evaluation took, the
  /// first that is no cost, if there is one.
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
  std::string note() const override;
  Key data_key() const override;  ///< of the rows of all its tables; computed when first asked for

  /// Whether its configs are cells of NAS-Bench-201, so that it has probes and graphs.
  bool has_cells() const { return functions_ != nullptr; }
  /// What the cell computes with one random map in place of every kind of operation, convolutions behind a
  /// rectifier, poolings linear (CellMaps::relu_linear_pool): of the 15,625 cells 4,540 differ. Cells whose
  /// operations share parameters and others that have them twice are one by this, as they are in the
  /// benchmark's own count; their recorded accuracies differ hardly more than those of one cell's seeds do.
  std::vector<double> probe(const space::Config& config) const override;

  /// The cell alone, on 16 channels of 32x32, as it stands in the benchmark's first stage: operations have
  /// parameters of their own, so that its structural key tells more cells apart (5,485) than the probe does.
  std::optional<graph::Graph> graph(const space::Config& config) const override;
  /// With cells: the measures of the tables beside that are times (unit s or ms): latencies, which cells of
  /// one function differ in.
  study::Measures costs(const space::Config& config) const override;

  const Table& table() const { return *tables_.front(); }
  const std::shared_ptr<const Table>& table_pointer() const { return tables_.front(); }
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
    bool before = false;  ///< one of costs()
  };
  const std::vector<Measure>& measures() const { return measures_; }
  bool has_steps() const { return steps_; }
  /// The measure that says how many seconds an evaluation took; "": none does.
  std::string cost_measure() const { return cost_ ? measures_[*cost_].name : std::string(); }

 private:
  struct Source {
    std::size_t table = 0, metric = 0;
  };
  std::string called(std::size_t table) const;  ///< its title or path in quotes, else what it is
  void join();
  std::string usual_objective() const;
  void summarise();
  void summarise_cost();
  /// What the row's whole run takes, as was recorded up to so many steps; nullopt: nothing was.
  std::optional<double> whole_cost(std::size_t row, const std::uint64_t* seed, std::int64_t reached) const;
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
  double usual_cost_ = 1.0;          // a whole run's, where the row does not say
  std::size_t costless_ = 0;         // rows that do not, though a measure does
  std::int64_t horizon_ = 1;
  bool steps_ = false;
  std::unique_ptr<CellFunctions> functions_;
  mutable std::mutex functions_mutex_;
  std::optional<double> optimum_, median_;
  std::vector<std::vector<double>> front_;
  std::vector<double> reference_;
  mutable std::once_flag key_once_;
  mutable Key key_;
};

}  // namespace hone::task
