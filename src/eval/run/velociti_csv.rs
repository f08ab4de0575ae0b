//! VELOCITI's own score files, one CSV a test (formats.md 2.3), for its authors' scripts.

use super::near_misses::PairLine;
use crate::error::{Error, Result};
use crate::platform::write_beside;
use std::collections::BTreeMap;
use std::path::Path;

/// Writes `TEST.csv` with `test_name, video_id, event, pos_score, neg_score` for every test among the lines.
///
/// # Errors
/// [`Error::Io`].
pub fn write(folder: &Path, lines: &[PairLine]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let mut tests: BTreeMap<&str, Vec<&PairLine>> = BTreeMap::new();
    for line in lines {
        tests.entry(&line.sample.kind).or_default().push(line);
    }
    for (test, lines) in tests {
        let path = folder.join(format!("{test}.csv"));
        let failed = |error: csv::Error| Error::io("write", &path)(std::io::Error::other(error));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["test_name", "video_id", "event", "pos_score", "neg_score"]).map_err(failed)?;
        for line in lines {
            let scores = [line.pos_score, line.neg_score].map(|score| score.to_string());
            let event = event(&line.sample.events);
            writer.write_record([test, &line.sample.video, &event, &scores[0], &scores[1]]).map_err(failed)?;
        }
        let bytes =
            writer.into_inner().map_err(|error| Error::io("write", &path)(std::io::Error::other(error.to_string())))?;
        write_beside(&path, &bytes)?;
    }
    Ok(())
}

/// "Ev2", or "(Ev1, Ev3)" for several.
fn event(events: &[u8]) -> String {
    let names: Vec<String> = events.iter().map(|number| format!("Ev{number}")).collect();
    match &names[..] {
        [one] => one.clone(),
        [] => String::new(),
        _ => format!("({})", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::benchmark::{DataFile, PairSample, velociti_scores};
    use crate::eval::run::ClipFacts;

    #[test]
    fn the_files_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let line = |at, kind: &str, events: &[u8], pos_score, neg_score| PairLine {
            at,
            sample: PairSample {
                id: at.to_string(),
                video: format!("v_{at}"),
                positive: "a".to_owned(),
                negative: "b".to_owned(),
                kind: kind.to_owned(),
                hard: None,
                events: events.to_vec(),
            },
            pos_score,
            neg_score,
            correct: pos_score > neg_score,
            tie: false,
            clip: ClipFacts::default(),
            ms: 1.0,
        };
        write(folder.path(), &[line(0, "coref", &[1, 3], 0.25, 0.125), line(1, "chrono", &[2], 0.5, -0.1)]).unwrap();
        let text = std::fs::read_to_string(folder.path().join("coref.csv")).unwrap();
        assert_eq!(text, "test_name,video_id,event,pos_score,neg_score\ncoref,v_0,\"(Ev1, Ev3)\",0.25,0.125\n");
        let scores = velociti_scores(&DataFile::read(&folder.path().join("chrono.csv")).unwrap()[0]).unwrap();
        assert_eq!((scores[0].video.as_str(), scores[0].negative), ("v_1", -0.1));
    }
}
