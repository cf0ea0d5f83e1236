#include "client/cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bitscape/v1/evaluation.pb.h"
#include "bitscape/v1/front.pb.h"
#include "bitscape/v1/sweep.pb.h"
#include "client/cli/front_view.h"
#include "client/cli/trial_table.h"
#include "client/cli/trouble.h"

namespace bitscape::cli {
namespace {

using testing::HasSubstr;

TEST(RenderTable, AlignsColumnsAndTrimsLines) {
  const Table table{{{"NAME"}, {"BITS", Align::kRight}, {"NOTE"}},
                    {{"int4", "4", ""}, {"fp8_e4m3", "8", "x"}}};
  EXPECT_EQ(RenderTable(table, false),
            "NAME      BITS  NOTE\n"
            "int4         4\n"
            "fp8_e4m3     8  x\n");
}

TEST(RenderTable, CountsCharactersNotBytes) {
  const Table table{{{"A"}, {"B"}}, {{"\xc2\xb5m", "1"}, {"mm", "2"}}};
  EXPECT_EQ(RenderTable(table, false), "A   B\n\xc2\xb5m  1\nmm  2\n");
}

TEST(RenderView, PutsFactsTableAndNoteInOrder) {
  const View view{{{"plan", "p"}, {"loss", "0.5"}}, {{{"L"}}, {{"conv"}}}, "note"};
  EXPECT_EQ(RenderView(view, false), "plan  p\nloss  0.5\n\nL\nconv\n\nnote\n");
}

TEST(ToCsv, PrintsOneItemARowWithAllDigits) {
  v1::Front front;
  v1::FrontPoint& point = *front.add_points();
  point.set_trial("a,b");
  point.set_plan("say \"x\"");
  point.mutable_metrics()->set_accuracy(0.923456789);
  point.mutable_metrics()->set_images(7);
  front.add_points();
  const std::string csv = ToCsv(front, "points");
  EXPECT_EQ(csv,
            "trial,plan,accelerator,metrics.accuracy,metrics.accuracyLow,metrics.accuracyHigh,"
            "metrics.correct,metrics.images,metrics.loss,metrics.energyPj,metrics.areaUm2,"
            "metrics.latencySeconds,metrics.latencyCycles,metrics.weightBytes,metrics.split,"
            "reference,network,dataset\n"
            "\"a,b\",\"say \"\"x\"\"\",,0.923456789,0,0,0,7,0,0,0,0,0,0,,,,\n"
            ",,,0,0,0,0,0,0,0,0,0,0,0,,,,\n");
}

TEST(ToCsv, PrintsAMessageAsOneRow) {
  v1::GetSweepRequest request;
  request.set_name("sweeps/a");
  EXPECT_EQ(ToCsv(request, ""), "name\nsweeps/a\n");
}

TEST(ToCsv, PrintsAResultAsOneRowWithoutItsLayers) {
  v1::Evaluation evaluation;
  evaluation.set_correct(9);
  evaluation.set_images(10);
  evaluation.set_accuracy(0.9);
  evaluation.set_plan("weights=int8,activations=int8");
  evaluation.set_split("test");
  evaluation.add_layers()->set_name("conv1");
  EXPECT_EQ(ToCsv(evaluation, ""),
            "correct,images,accuracy,accuracyLow,accuracyHigh,loss,imagesPerSecond,plan,split\n"
            "9,10,0.9,0,0,0,0,\"weights=int8,activations=int8\",test\n");
}

TEST(ToJson, PrintsDefaultsInLowerCamelCaseAndCountsAsNumbers) {
  v1::Evaluation evaluation;
  evaluation.set_images(10000);
  evaluation.add_layers()->set_name("conv1");
  const auto json = ToJson(evaluation, false);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json, HasSubstr("\"images\":10000"));
  EXPECT_THAT(*json, HasSubstr("\"correct\":0"));
  EXPECT_THAT(*json, HasSubstr("\"imagesPerSecond\":0"));
  EXPECT_THAT(*json, HasSubstr("\"exact\":false"));
  EXPECT_EQ(json->back(), '\n');
}

TEST(ToYaml, NestsMessagesAndLists) {
  v1::Sweep sweep;
  sweep.set_name("sweeps/a\"b");
  sweep.set_state(v1::Sweep::RUNNING);
  sweep.mutable_create_time()->set_seconds(0);
  auto& grid = *sweep.mutable_spec()->mutable_space()->add_grids();
  grid.add_weights("int4");
  sweep.mutable_progress()->set_images(1.5);
  sweep.mutable_progress()->mutable_elapsed()->set_seconds(2);
  const std::string yaml = ToYaml(sweep);
  EXPECT_THAT(yaml, HasSubstr("name: \"sweeps/a\\\"b\"\n"));
  EXPECT_THAT(yaml, HasSubstr("state: \"RUNNING\"\n"));
  EXPECT_THAT(yaml, HasSubstr("createTime: \"1970-01-01T00:00:00Z\"\n"));
  EXPECT_THAT(yaml, HasSubstr("    grids:\n"
                              "    - weights:\n"
                              "      - \"int4\"\n"
                              "      activations: []\n"));
  EXPECT_THAT(yaml, HasSubstr("  images: 1.5\n"));
  EXPECT_THAT(yaml, HasSubstr("  elapsed: \"2s\"\n"));
}

v1::FrontPoint Point(const std::string& trial, double accuracy, double energy_pj) {
  v1::FrontPoint point;
  point.set_trial(trial);
  point.set_plan("weights=int8,activations=int8,accumulator=int32");
  point.mutable_metrics()->set_accuracy(accuracy);
  point.mutable_metrics()->set_energy_pj(energy_pj);
  return point;
}

TEST(FrontTable, MergesReferencesByAccuracyAndMarksTheFront) {
  v1::Front front;
  *front.add_points() = Point("t1", 0.92, 2e6);
  *front.add_points() = Point("t3", 0.80, 1e6);
  *front.add_references() = Point("t2", 0.91, 9e6);
  front.mutable_references(0)->set_reference("fp32");
  *front.add_references() = Point("t1", 0.92, 2e6);

  const Table table = FrontTable(front);

  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].front(), "*");
  EXPECT_EQ(table.rows[0][1], "int8 / int8 / int32");
  EXPECT_EQ(table.rows[0][2], "92.00%");
  EXPECT_EQ(table.rows[0][4], "2.000");
  EXPECT_EQ(table.rows[1].front(), "");
  EXPECT_EQ(table.rows[1].back(), "fp32");
  EXPECT_EQ(table.rows[2][2], "80.00%");
}

v1::Front TwoSweeps() {
  v1::Front front;
  *front.add_points() = Point("sweeps/a/trials/t1", 0.92, 2e6);
  *front.add_references() = Point("sweeps/b/trials/t2", 0.91, 9e6);
  front.mutable_references(0)->set_reference("fp32");
  front.mutable_references(0)->set_network("networks/lenet5");
  return front;
}

TEST(FrontTable, NamesSweepsAndMachinesWhereThereAreSeveral) {
  v1::Front front = TwoSweeps();
  front.mutable_points(0)->set_accelerator("accelerators/m");
  front.mutable_references(0)->set_accelerator("accelerators/n");
  const Table table = FrontTable(front);
  ASSERT_EQ(table.columns.size(), 11u);
  EXPECT_EQ(table.columns[8].title, "MACHINE");
  EXPECT_EQ(table.columns[9].title, "SWEEP");
  EXPECT_EQ(table.rows[0][8], "m");
  EXPECT_EQ(table.rows[1][9], "b");
}

TEST(FrontCsv, HasTheTablesRowsAndSaysWhichAreOnTheFront) {
  const std::string csv = FrontCsv(TwoSweeps());
  EXPECT_THAT(csv, testing::StartsWith("onFront,sweep,trial,plan,"));
  EXPECT_THAT(csv, HasSubstr("\ntrue,a,sweeps/a/trials/t1,"));
  EXPECT_THAT(csv, HasSubstr("\nfalse,b,sweeps/b/trials/t2,"));
  EXPECT_THAT(csv, testing::EndsWith(",fp32,networks/lenet5,\n"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3);
}

TEST(FrontJsonLines, HasTheTablesRowsAndSaysWhichAreOnTheFront) {
  const auto lines = FrontJsonLines(TwoSweeps());
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_THAT(*lines, testing::StartsWith(
                          "{\"onFront\":true,\"sweep\":\"a\",\"trial\":\"sweeps/a/trials/t1\","));
  EXPECT_THAT(*lines, HasSubstr("\n{\"onFront\":false,\"sweep\":\"b\","));
  EXPECT_EQ(std::count(lines->begin(), lines->end(), '\n'), 2);
}

TEST(ComparisonNote, NamesNetworksAndDatasetsThatDiffer) {
  std::vector<v1::Sweep> sweeps(2);
  for (v1::Sweep& sweep : sweeps) sweep.mutable_spec()->set_network("networks/lenet5");
  EXPECT_EQ(ComparisonNote(sweeps), "");
  sweeps[1].mutable_spec()->set_network("networks/resnet8");
  EXPECT_THAT(ComparisonNote(sweeps), HasSubstr("differ in their networks (lenet5, resnet8)"));
}

TEST(TrialTable, NamesMachinesWhereThereAreSeveral) {
  v1::ListTrialsResponse trials;
  trials.add_trials()->set_accelerator("accelerators/m");
  trials.mutable_trials(0)->mutable_metrics()->set_energy_pj(1e6);
  trials.mutable_trials(0)->mutable_metrics()->set_area_um2(2e6);
  trials.mutable_trials(0)->mutable_metrics()->set_weight_bytes(2048);
  const std::string one = RenderTable(TrialTable(trials), false);
  EXPECT_THAT(one, testing::Not(HasSubstr("MACHINE")));
  EXPECT_THAT(one, HasSubstr("2 mm2"));
  EXPECT_THAT(one, HasSubstr("2 KiB"));
  trials.add_trials()->set_accelerator("accelerators/n");
  const Table table = TrialTable(trials);
  EXPECT_EQ(table.columns[3].title, "MACHINE");
  EXPECT_EQ(table.rows[1][3], "n");
  EXPECT_EQ(table.rows[1].size(), table.columns.size());
}

TEST(TroubleText, CountsFailedAndInfeasibleTrialsAndGivesTheFirstReason) {
  v1::SweepProgress progress;
  progress.set_trials(12);
  EXPECT_EQ(TroubleText(progress, ""), "");
  progress.set_infeasible(2);
  EXPECT_EQ(TroubleText(progress, ""), "2 of 12 trials can't run on their machine");
  progress.set_failed(1);
  EXPECT_EQ(TroubleText(progress, "no such layer\nmore"),
            "1 of 12 trials failed, 2 can't run on their machine: the first: no such layer");
}

TEST(Hint, ReachesTheSameServerOrDatabase) {
  Globals globals;
  EXPECT_EQ(Hint(globals, "sweep watch a"), "bitscape sweep watch a");
  globals.database = "x.db";
  EXPECT_EQ(Hint(globals, "sweep watch a"), "bitscape sweep watch a --database x.db");
}

}  // namespace
}  // namespace bitscape::cli
