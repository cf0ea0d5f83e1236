// Names and figures as people write and read them.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <string_view>

namespace bitscape::cli {

// "networks/resnet8" for "resnet8" and for "networks/resnet8"; empty stays empty.
std::string Qualified(std::string_view collection, std::string_view name);
// "resnet8" for "networks/resnet8".
std::string LastPart(std::string_view name);

// The plan, "weights=fp32" for an empty one: to a server a plan without text is one that's missing.
std::string PlanOrFloat32(std::string_view plan);

std::string Percent(double share);                            // "92.37%"
std::string PercentInterval(double low, double high);         // "91.84..92.87%"
std::string Energy(double energy_pj);                         // "12.34 uJ"
std::string Area(double area_um2);                            // "1.234 mm2"
std::string Seconds(double seconds);                          // "1.234 ms"
std::string Bytes(double bytes);                              // "76.1 KiB"
std::string Count(double count);                              // "12,345"
std::string Decibels(double value);                           // "31.25 dB", "exact" for infinity
std::string Number(double value);                             // at most 6 digits
std::string TimeOf(const google::protobuf::Timestamp& time);  // "2026-01-31 12:34:56", UTC; or "-"
double SecondsOf(const google::protobuf::Duration& duration);
std::string Elapsed(double seconds);  // "1:02:03", "2:03", "7 s"

// "int8:channel / int8 / int32": weights, activations, accumulator of a uniform plan; a plan that
// says more is shown whole.
std::string ShortPlan(std::string_view plan);

}  // namespace bitscape::cli
