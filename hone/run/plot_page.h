#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hone::run {

/// A line of (x, y); points that are not finite are left out.
struct PlotLine {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

struct Plot {
  std::string title, x, y;  ///< y: what its axis measures
  std::vector<PlotLine> lines;
  bool log_x = false, log_y = false;
};

struct PlotTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< texts; what begins like a number stands to the right
};

struct PlotSection {
  std::string title, note;
  std::vector<Plot> plots;
  std::vector<PlotTable> tables;
};

/// A self-contained HTML page of plots and tables: it loads nothing, and all text is escaped.
std::string plot_page(const std::string& eyebrow, const std::string& title, const std::string& lead,
                      const std::vector<PlotSection>& sections);

}  // namespace hone::run
