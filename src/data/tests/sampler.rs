//! An index of a folder in memory, and batches of it.

use super::*;
use crate::data::ReadOptions;
use crate::event::Silent;
use crate::source::MemoryFolder;
use crate::world::{Split, WorldClip, vidor_json};
use pollster::block_on;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_folder_is_indexed_and_sampled() {
    let mut files = BTreeMap::from([("bad.json".to_owned(), b"{".to_vec())]);
    let mut usable = Vec::new();
    for index in 0..12 {
        let graph = WorldClip::generate(Split::Test, index).graph;
        let name = format!("{}.json", graph.video_id);
        let intervals: Vec<Interval> = graph.clips().iter().map(|clip| clip.interval).collect();
        if count_triples(&intervals, Spans::Contains) > 0 {
            usable.push(name.clone());
        }
        files.insert(name, vidor_json(&graph).to_string().into_bytes());
    }
    usable.sort();
    assert!(!usable.is_empty());
    let folder = MemoryFolder::new("world", files);
    let folder = block_on(AnnotationFolder::open(folder, ReadOptions::default())).unwrap();
    let index = block_on(GraphIndex::build(&folder, Spans::Contains, &mut Silent, &Abort::default())).unwrap();
    assert_eq!(index.files, usable);
    assert_eq!((index.tally.served(Spans::Contains), index.report.videos()), (usable.len() as u64, 12));
    assert_eq!(index.report.skipped.len(), 1);
    let stop = Abort::default();
    stop.request();
    let stopped = block_on(GraphIndex::build(&folder, Spans::Contains, &mut Silent, &stop));
    assert_eq!(stopped.unwrap_err().code(), "aborted");
    let mut rules = SampleRules::new(8);
    rules.spans = Spans::Contains;
    let pairs: Vec<VideoText> =
        (0..5).map(|i| VideoText { video: format!("{i}.mp4"), caption: format!("caption {i}") }).collect();
    let shares = BatchShares { pairs: 1, graphs: 2 };
    let sampler = |seed| BatchSampler::new(pairs.clone(), index.files.clone(), shares, 6, seed).unwrap();
    let draw = |sampler: &mut BatchSampler, count: usize| -> Vec<Batch> {
        (0..count).map(|_| block_on(sampler.batch(&folder, &rules)).unwrap()).collect()
    };
    let batches = draw(&mut sampler(9), 6);
    assert_eq!(batches, draw(&mut sampler(9), 6));
    assert_ne!(batches, draw(&mut sampler(10), 6));
    assert!(batches.iter().all(|batch| (batch.pairs.len(), batch.graphs.len()) == (2, 4)));
    // An epoch has each once, whatever batches it falls into.
    let drawn: Vec<String> =
        batches.iter().flat_map(|b| &b.graphs).map(|sample| format!("{}.json", sample.video_id)).collect();
    let first: BTreeSet<_> = drawn[..usable.len()].iter().cloned().collect();
    assert_eq!(first.into_iter().collect::<Vec<_>>(), usable);
    let captions: BTreeSet<_> = batches.iter().flat_map(|b| &b.pairs).take(5).map(|(pair, _)| &pair.caption).collect();
    assert_eq!(captions.len(), 5);
    let mut stopped = sampler(9);
    draw(&mut stopped, 4);
    let saved = serde_json::to_string(&stopped.position()).unwrap();
    let mut resumed = sampler(9);
    resumed.resume(serde_json::from_str(&saved).unwrap()).unwrap();
    assert_eq!(draw(&mut resumed, 2), batches[4..]);
    assert!(BatchSampler::new(Vec::new(), index.files.clone(), shares, 6, 0).is_err());
    assert!(BatchSampler::new(Vec::new(), index.files, BatchShares { pairs: 0, graphs: 1 }, 6, 0).is_ok());
}
