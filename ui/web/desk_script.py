"""The desk's script: Streamlit runs it on every click, so all it does is imported, once."""

from ui.web.desk_pages import main

if __name__ == "__main__":
    main()
