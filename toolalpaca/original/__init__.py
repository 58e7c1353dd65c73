"""The published project's files, in and out.

Its JSON comes in as our records, and goes out as it was.

reading    files into records
tools      tools and functions as they are named there
steps      steps, inputs and answers
importing  a file becomes a run folder
export     a run becomes a file
judged     judges' verdicts on published runs
"""
