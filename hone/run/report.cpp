#include "hone/run/report.h"

#include <string_view>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/run/page.h"

namespace hone::embedded {
// Defined by the build from the files of web/ and the chart library; see cmake/embed.cmake.
std::string_view report_html();
std::string_view report_css();
std::string_view report_data_js();
std::string_view report_plot_js();
std::string_view report_charts_js();
std::string_view report_effects_js();
std::string_view report_parallel_js();
std::string_view report_tables_js();
std::string_view report_js();
std::string_view chart_min_js();
}  // namespace hone::embedded

namespace hone::run {
namespace {

/// The text as valid UTF-8: JSON's writer replaces what is not, its reader gives the text back.
std::string valid_utf8(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

std::string report_page(const Json& data) {
  if (!data.is_object()) throw Error("the report's data must be a JSON object");
  std::string title = "hone";
  if (const auto study = data.find("study"); study != data.end() && study->is_string())
    title = valid_utf8(study->get<std::string>());

  return filled_page(embedded::report_html(), [&](std::string_view name) -> std::string {
    if (name == "head") return page_head(title, embedded::report_css());
    if (name == "title") return html_escaped(title);
    if (name == "data") return embeddable_json(data);
    if (name == "chart") return std::string(embedded::chart_min_js());
    if (name != "program") throw internal_error(fmt::format("report.html names an unknown part '{}'", name));
    std::string program;
    for (const auto text :
         {embedded::report_data_js(), embedded::report_plot_js(), embedded::report_charts_js(),
          embedded::report_effects_js(), embedded::report_parallel_js(), embedded::report_tables_js(),
          embedded::report_js()})
      program += text;
    return program;
  });
}

}  // namespace hone::run
