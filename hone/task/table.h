#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/base/key.h"
#include "hone/space/space.h"
#include "hone/task/table_description.h"

namespace hone::task {

class LineReader;

/// How a column of real numbers is searched: the one of the three scales along which its recorded values are
/// closest to uniform (smallest Kolmogorov-Smirnov distance). On the last one the parameter of the space is
/// one minus the column (Adam's betas): it is called one_minus_NAME.
enum class TableScale { linear, log, log_complement };

/// A recorded benchmark in memory: NAME.csv.gz (or .csv) with NAME.json beside it (docs/formats.md). One row
/// a configuration. Immutable and thread safe once made.
///
/// Memory: 8 bytes a metric's cell, 2 or 8 a parameter's. A grid that is recorded completely, or nearly, is
/// looked up in constant time; any other by going through its rows, O(rows * parameters).
class Table {
 public:
  /// A parameter as the space shows it.
  struct Axis {
    TableParameter parameter;
    /// In the space: the column's, or where it cannot be a parameter's, what space::name_from makes of it,
    /// else cN of the N-th parameter. What is called so already keeps its name, others get _2, _3, ...
    /// behind.
    std::string name;
    TableScale scale = TableScale::linear;
    double low = 0.0, high = 0.0;  ///< of real numbers: smallest and largest, in the space's terms
    bool listed() const { return !parameter.values.empty(); }
  };

  /// Reads NAME.csv.gz or NAME.csv; `path` with or without the ending. `measures`: see
  /// TableDescription::parse. Throws Error naming file, line and column.
  static Table read(const std::string& path, const std::vector<std::string>& measures = {});
  /// What its description says, alone.
  static TableDescription describe(const std::string& path, const std::vector<std::string>& measures = {});
  /// The same as read() from texts in memory; `name` is for messages.
  static Table parse(const std::string& description, std::string_view rows, const std::string& name,
                     const std::vector<std::string>& measures = {});
  /// The paths that `path` stands for: rows and description. Throws Error where one is missing.
  static std::pair<std::string, std::string> files(const std::string& path);

  const TableDescription& description() const { return description_; }
  std::size_t rows() const { return rows_; }
  const std::vector<Axis>& axes() const { return axes_; }
  /// For people: what columns are called that cannot be parameters' names, "'batch-size' is batch_size, 'x y'
  /// is x_y"; empty where there are none.
  std::string renamed() const;
  /// Whether every config of space() is recorded.
  bool complete() const { return complete_; }
  /// Lists of numbers as ordinals, of texts as choices, booleans as flags; real numbers from the smallest to
  /// the largest recorded.
  const space::Space& space() const { return space_; }

  /// Throws Error unless the configs of `space` can be looked up here: all parameters, none beyond, values
  /// among the listed ones or ranges within the recorded.
  void check(const space::Space& space) const;

  /// The row of a config; nullopt: it is not recorded. Real numbers are compared as space() rounds them; of
  /// rows that it rounds to one config that with the very numbers, else the first. Throws Error on a config
  /// that lacks a parameter or has a value that the column cannot have.
  std::optional<std::size_t> find(const space::Config& config) const;
  /// The row of the configuration that another table of the same parameters has in `row`, by the recorded
  /// numbers, of which none is rounded; nullopt: it is not recorded, or parameters differ.
  std::optional<std::size_t> find(const Table& other, std::size_t row) const;
  /// The recorded row nearest to a config: Euclidean over the axes, where ordinals and reals are scaled to
  /// 0..1 along their scale and two texts are 1 apart. Ties: the first row.
  std::size_t nearest(const space::Config& config) const;
  /// The config of a row, canonical in space(); with real parameters rounded as reals are.
  space::Config config(std::size_t row) const;

  /// A cell of a metric: `k` of metric.columns(). NaN: not recorded, or diverged.
  double value(std::size_t row, std::size_t metric, std::int64_t k) const {
    return cells_[row * width_ + first_[metric] + static_cast<std::size_t>(k)];
  }
  /// The mean over the seeds that are recorded (finite, or all infinite); NaN where none is.
  double mean(std::size_t row, std::size_t metric) const;
  std::optional<std::size_t> metric(const std::string& name) const;
  /// Identifies all rows: their configurations and cells.
  Key rows_key() const;

 private:
  /// Where a config's value lies: an index of a listed axis, a number of a real one.
  struct Spot {
    std::int32_t index = -1;
    double number = 0.0;
  };

  static Table make(TableDescription description, LineReader& lines, const std::string& description_file);
  void read_header(LineReader& lines, std::vector<std::size_t>& axis_column,
                   std::vector<std::size_t>& cell_column, std::size_t& n_columns) const;
  void read_rows(LineReader& lines);
  void scale_reals();
  void name_axes(const std::string& file);
  void make_positions();
  void make_index(const std::string& file);
  void make_space(const std::string& file);
  Spot spot(const Axis& axis, const space::Config& config, std::size_t position, bool exact) const;
  double position(const Axis& axis, double number) const;
  /// The real numbers of a row as space() rounds them. Numbers beyond the recorded range stay as they are.
  std::vector<double> rounded(const double* numbers) const;
  std::uint64_t hash_of(const std::uint16_t* index, const std::vector<double>& rounded) const;
  std::optional<std::size_t> find(const std::vector<Spot>& spots, bool exact) const;

  TableDescription description_;
  std::vector<Axis> axes_;
  std::vector<std::size_t> first_;  // of a metric among a row's cells
  std::size_t width_ = 0;           // cells a row
  std::size_t rows_ = 0;
  std::vector<double> cells_;         // rows x width
  std::vector<std::uint16_t> index_;  // rows x listed axes
  std::vector<double> numbers_;       // rows x real axes, in the space's terms
  std::vector<double> positions_;     // the same, scaled to 0..1
  std::size_t n_listed_ = 0, n_real_ = 0;
  bool complete_ = false;
  std::vector<std::uint32_t> row_of_;  // by mixed-radix code of a grid; 0: none, else row + 1
  // Where there is no such code: by indices and rounded numbers.
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_hash_;
  space::Space space_;
};

}  // namespace hone::task
