#include "hone/run/plot_page.h"

#include <cmath>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/run/page.h"

namespace hone::embedded {
// Defined by the build from the files of web/; see cmake/embed.cmake.
std::string_view report_css();
std::string_view plots_html();
std::string_view plots_css();
std::string_view plots_js();
}  // namespace hone::embedded

namespace hone::run {

std::string plot_page(const std::string& eyebrow, const std::string& title, const std::string& lead,
                      const std::vector<PlotSection>& sections) {
  Json list = Json::array();
  for (const PlotSection& section : sections) {
    Json plots = Json::array(), tables = Json::array();
    for (const Plot& plot : section.plots) {
      Json lines = Json::array();
      for (const PlotLine& line : plot.lines) {
        Json points = Json::array();
        for (const auto& [x, y] : line.points)
          if (std::isfinite(x) && std::isfinite(y)) points.push_back({x, y});
        lines.push_back({{"name", line.name}, {"points", points}});
      }
      plots.push_back({{"title", plot.title},
                       {"x", plot.x},
                       {"y", plot.y},
                       {"log_x", plot.log_x},
                       {"log_y", plot.log_y},
                       {"lines", lines}});
    }
    for (const PlotTable& table : section.tables)
      tables.push_back({{"title", table.title}, {"columns", table.columns}, {"rows", table.rows}});
    list.push_back({{"title", section.title}, {"note", section.note}, {"plots", plots}, {"tables", tables}});
  }
  const Json data{{"lead", lead}, {"hone", HONE_VERSION}, {"sections", list}};
  return filled_page(embedded::plots_html(), [&](std::string_view part) -> std::string {
    if (part == "head")
      return page_head(title, std::string(embedded::report_css()) + std::string(embedded::plots_css()));
    if (part == "title") return html_escaped(title);
    if (part == "eyebrow") return html_escaped(eyebrow);
    if (part == "data") return embeddable_json(data);
    if (part == "program") return plot_program(embedded::plots_js());
    throw internal_error("plots.html names an unknown part '" + std::string(part) + "'");
  });
}

}  // namespace hone::run
